// Manifests as Kubernetes and the operator of Prometheus describe them: each is judged by the schema of its kind, and written as
// TypeScript and checked by the compiler, which knows fields that a schema lets pass.
//
//     node manifests.mjs <MANIFESTS.json        a list of [where, manifest]; prints complaints, one a line, exits 1 where there are any

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const work = join(here, "manifests");
const operator = /^monitoring\.coreos\.com\//;

const modules = new Map();
const complaints = [];
const lines = [];
const places = [];

for (const [where, manifest] of JSON.parse(readFileSync(0, "utf8"))) {
  const { apiVersion, kind } = manifest;
  const module = operator.test(apiVersion) ? `@kubernetes-models/prometheus-operator/${apiVersion}` : `kubernetes-models/${apiVersion}`;
  if (!modules.has(module)) modules.set(module, { name: `m${modules.size}`, has: await import(module) });
  const { name, has } = modules.get(module);
  if (!has[kind]) {
    complaints.push(`${where}: ${apiVersion} has no ${kind}`);
    continue;
  }
  try {
    new has[kind](manifest).validate();
  } catch (error) {
    complaints.push(`${where}, ${kind} ${manifest.metadata?.name}: ${error.message}`);
  }
  places.push(`${where}, ${kind} ${manifest.metadata?.name}`);
  lines.push(`export const x${places.length}: ${name}.I${kind} = ${JSON.stringify(manifest)};`);
}

rmSync(work, { recursive: true, force: true });
mkdirSync(work);
const imports = [...modules].map(([module, { name }]) => `import type * as ${name} from "${module}";`);
writeFileSync(join(work, "all.ts"), [...imports, ...lines].join("\n"));
const options = { strict: true, noEmit: true, skipLibCheck: true, module: "nodenext", moduleResolution: "nodenext", target: "es2022", types: [] };
writeFileSync(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
writeFileSync(join(work, "package.json"), '{ "type": "module" }');
const compiled = spawnSync(process.execPath, [join(here, "node_modules", "typescript", "bin", "tsc"), "--project", work], { encoding: "utf8" });
for (const line of compiled.stdout.split("\n").filter((line) => line.includes("error"))) {
  const at = Number(/all\.ts\((\d+),/.exec(line)?.[1]) - imports.length;
  complaints.push(`${places[at - 1]}: ${line.slice(line.indexOf("error")).slice(0, 300)}`);
}
if (compiled.status !== 0 && complaints.length === 0) complaints.push(`the compiler ended with ${compiled.status}: ${compiled.stderr}`);
console.log(complaints.join("\n"));
process.exit(complaints.length === 0 ? 0 : 1);
