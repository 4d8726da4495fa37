// Dashboards as Grafana's own types describe them: each is written as TypeScript and checked by the compiler, panels with the
// options of their type.
//
//     node types.mjs FOLDER…        dashboards/*.json of each; prints what the compiler says, exits 1 where it says anything

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const work = join(here, "types");
const schema = "@grafana/schema/dist/esm/raw/composable";
const generated = {
  timeseries: `${schema}/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen`,
  stat: `${schema}/stat/panelcfg/x/StatPanelCfg_types.gen`,
  bargauge: `${schema}/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen`,
  heatmap: `${schema}/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen`,
  logs: `${schema}/logs/panelcfg/x/LogsPanelCfg_types.gen`,
  table: `${schema}/table/panelcfg/x/TablePanelCfg_types.gen`,
};

// JSON has the values of enumerations, TypeScript wants their names.
const head = `import type { AnnotationQuery, Dashboard, FieldConfig, Panel, RowPanel } from "@grafana/schema";
${Object.entries(generated).map(([type, module]) => `import type * as ${type} from "${module}";`).join("\n")}
type Json<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends Array<infer Each> ? Json<Each>[] : T extends object ? { [Key in keyof T]: Json<T[Key]> } : T;
// What the data sources ask is theirs to say.
type Whole<Options, Custom> = Json<Omit<Panel, "targets" | "transformations" | "options" | "fieldConfig">> & {
  targets: Record<string, unknown>[]; transformations?: unknown[]; options: Json<Partial<Options>>;
  fieldConfig: { overrides: never[]; defaults: Json<Omit<FieldConfig, "custom">> & { custom?: Json<Custom> } };
};
type Asked = Json<Omit<AnnotationQuery, "target">> & { target: Record<string, unknown>; expr: string; step?: string; titleFormat: string; textFormat: string };
`;

function written(dashboard) {
  const { panels, templating, annotations, ...rest } = dashboard;
  const lines = [head];
  lines.push(`export const rest: Json<Omit<Dashboard, "panels" | "templating" | "annotations">> = ${JSON.stringify(rest)};`);
  const variables = JSON.stringify(templating);
  lines.push(`export const variables: Json<Pick<Dashboard, "templating">> = { templating: ${variables} };`);
  lines.push(`export const annotations: Asked[] = ${JSON.stringify(annotations.list)};`);
  panels.forEach((panel, index) => {
    const value = JSON.stringify(panel);
    if (panel.type === "row") return lines.push(`export const p${index}: Json<RowPanel> = ${value};`);
    if (!(panel.type in generated)) throw new Error(`${dashboard.uid}: no types of ${panel.type} panels`);
    const custom = panel.type === "timeseries" ? "timeseries.FieldConfig" : "never";
    lines.push(`export const p${index}: Whole<${panel.type}.Options, ${custom}> = ${value};`);
  });
  return `${lines.join("\n")}\n`;
}

rmSync(work, { recursive: true, force: true });
mkdirSync(work);
const names = [];
for (const folder of process.argv.slice(2)) {
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    writeFileSync(join(work, name.replace(".json", ".ts")), written(JSON.parse(readFileSync(join(folder, name)))));
    names.push(name);
  }
}
const options = { strict: true, noEmit: true, skipLibCheck: true, module: "nodenext", moduleResolution: "nodenext", target: "es2022", types: [] };
writeFileSync(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
writeFileSync(join(work, "package.json"), '{ "type": "module" }');
const compiled = spawnSync(process.execPath, [join(here, "node_modules", "typescript", "bin", "tsc"), "--project", work], { encoding: "utf8" });
process.stdout.write(compiled.stdout + compiled.stderr);
console.log(`${names.length} dashboards`);
process.exit(compiled.status === 0 && names.length > 0 ? 0 : 1);
