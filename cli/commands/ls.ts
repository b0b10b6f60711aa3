import type { Command } from "commander";
import { shortRevision } from "../../contracts/index.ts";
import { describeShadowed, type FunctionSummary, listFunctions } from "../../control/index.ts";
import { addExamples } from "../examples.ts";
import type { Output } from "../output/output.ts";
import { withNats } from "../session.ts";

export function addLsCommand(program: Command): void {
  const command = program
    .command("ls")
    .description("list the functions")
    .action((_options: object, command: Command) =>
      withNats(command, async (nats, output) => {
        const rows = await listFunctions(nats);
        if (output.isJson) return output.json(rows);
        if (rows.length === 0)
          return output.note("No functions yet. `narun init hello`, then `narun push hello`.");
        showFunctions(output, rows);
      }),
    );
  addExamples(command, [
    ["narun ls", "names, revisions, states, URLs"],
    ["narun ls --json", "for scripts"],
  ]);
}

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
