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
      { title: "REVISION", value: (row) => (row.revision === null ? "-" : shortRevision(row.revision)) },
      { title: "INSTANCES", value: (row) => String(row.instances), align: "right" },
      { title: "STATE", value: (row) => row.state, colour: (text, row) => colourOf[row.state](text) },
      { title: "URL", value: (row) => row.url ?? "-" },
    ],
    rows,
  );
  for (const { name, error } of rows) if (error !== undefined) output.line(red(`${name}: ${error}`));
  for (const { name, shadowedRoutes = [] } of rows)
    for (const route of shadowedRoutes) output.line(yellow(describeShadowed({ function: name, ...route })));
}
