// What expressions of PromQL ask for, by the grammar that Prometheus' own editor has.
//
//     node promql.mjs <EXPRESSIONS.json        a list of texts; prints for each what it selects and what it groups by
//
// For each: `fault` (where it does not parse), `selectors` ({ metric, matchers: [{ label, operator, value }] }), and `groups`
// ({ labels, selectors: positions of those that are aggregated, made: labels that label_replace and the like make there }).

import { readFileSync } from "node:fs";
import { parser } from "@prometheus-io/lezer-promql";

function read(text) {
  const tree = parser.parse(text);
  const said = (node) => text.slice(node.from, node.to);
  const result = { fault: null, selectors: [], groups: [] };
  const open = [];
  tree.iterate({
    enter({ node, type }) {
      if (type.isError) result.fault ??= `at ${node.from}: ${text.slice(node.from, node.from + 20)}`;
      if (type.name === "AggregateExpr") open.push({ from: node.from, to: node.to, labels: grouping(node), selectors: [], made: [] });
      if (type.name === "VectorSelector") {
        const at = result.selectors.push(selector(node)) - 1;
        for (const group of open) group.selectors.push(at);
      }
      if (type.name === "FunctionCall" && /^label_(replace|join)/.test(said(node))) {
        const texts = all(node, "StringLiteral").map((literal) => JSON.parse(said(literal)));
        for (const group of open) group.made.push(texts[0]);
      }
    },
    leave({ node, type }) {
      if (type.name === "AggregateExpr") {
        const { labels, selectors, made } = open.pop();
        result.groups.push({ labels, selectors, made });
      }
    },
  });
  return result;

  function all(node, name) {
    const found = [];
    node.cursor().iterate((inner) => {
      if (inner.name === name && inner.from >= node.from && inner.to <= node.to) found.push(inner.node);
    });
    return found;
  }

  // The labels of the aggregation itself, not of those within it.
  function grouping(node) {
    const modifier = node.getChild("AggregateModifier");
    return modifier ? all(modifier, "LabelName").map(said) : [];
  }

  function selector(node) {
    const name = node.getChild("Identifier");
    const matchers = all(node, "UnquotedLabelMatcher").map((matcher) => ({
      label: said(matcher.getChild("LabelName")),
      operator: said(matcher.getChild("MatchOp")),
      value: JSON.parse(said(matcher.getChild("StringLiteral"))),
    }));
    return { metric: name ? said(name) : null, matchers };
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(read)));
