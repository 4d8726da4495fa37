// What expressions of LogQL choose streams by, by the grammar that Grafana's own editor has.
//
//     node logql.mjs <EXPRESSIONS.json        a list of texts; prints for each { fault (where it does not parse), labels }

import { readFileSync } from "node:fs";
import { parser } from "@grafana/lezer-logql";

function read(text) {
  const result = { fault: null, labels: [] };
  parser.parse(text).iterate({
    enter({ node, type }) {
      if (type.isError) result.fault ??= `at ${node.from}: ${text.slice(node.from, node.from + 20)}`;
      // Those that filter lines afterwards are no labels of streams.
      if (type.name === "Matcher" && within(node, "Selector")) result.labels.push(text.slice(node.getChild("Identifier").from, node.getChild("Identifier").to));
    },
  });
  return result;
}

function within(node, name) {
  for (let above = node.parent; above; above = above.parent) if (above.name === name) return true;
  return false;
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(read)));
