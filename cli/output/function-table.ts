import { shortRevision } from "../../contracts/index.ts";
import { describeShadowed, type FunctionSummary } from "../../control/index.ts";
import type { Output } from "./output.ts";

/** Writes the table of functions, then the errors of failing ones, then the shadowed routes. */
export function showFunctions(output: Output, rows: FunctionSummary[]): void {
  const { bold, dim, green, red, yellow } = output.colours;
  const colourOf = {
    running: green,
    asleep: dim,
    "no node": yellow,
    invalid: red,
    failing: red,
    external: dim,
  };
  output.table(
    [
      { title: "FUNCTION", value: (row) => row.name, colour: bold },
      { title: "MODE", value: (row) => row.mode ?? "-", isExtra: true },
      { title: "REVISION", value: versionOf },
      { title: "INSTANCES", value: instancesOf, align: "right" },
      { title: "STATE", value: (row) => row.state, colour: (text, row) => colourOf[row.state](text) },
      { title: "URL", value: (row) => row.url ?? "-" },
    ],
    rows,
  );
  for (const { name, triggers = [] } of rows)
    for (const trigger of triggers) output.line(dim(`${name}: ${trigger}`));
  for (const { name, error } of rows) if (error !== undefined) output.line(red(`${name}: ${error}`));
  for (const { name, shadowedRoutes = [] } of rows)
    for (const route of shadowedRoutes) output.line(yellow(describeShadowed({ function: name, ...route })));
}

function versionOf({ revision, tag }: FunctionSummary): string {
  return revision === null ? (tag ?? "-") : shortRevision(revision);
}

/** The instances; of a service with nodes also how many its spec asks for. */
function instancesOf({ instances, nodes }: FunctionSummary): string {
  if (nodes === undefined) return String(instances);
  return `${instances}/${nodes.reduce((sum, { replicas }) => sum + replicas, 0)}`;
}
