import type { Command } from "commander";
import { messageOf, type ShadowedRoute, type Spec, shortRevision } from "../../contracts/index.ts";
import { type KvRead, type Nats, openNodeStates, openSpecs } from "../../nats/index.ts";
import { addExamples } from "../examples.ts";
import { findGatewayUrl, functionUrl } from "../gateway-url.ts";
import type { Output } from "../output.ts";
import { findRunningInstances, type RunningInstance } from "../running-instances.ts";
import { withNats } from "../session.ts";
import { describeShadowed, shadowedRoutesOf } from "../shadowed-routes.ts";

/** A function as `narun ls` shows it. */
export interface FunctionRow {
  name: string;
  mode: string | null;
  revision: string | null;
  url: string | null;
  instances: number;
  state: "running" | "asleep" | "invalid" | "failing" | "external";
  error?: string;
  /** Its routes that another function answers. */
  shadowedRoutes?: ShadowedRoute[];
}

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

export async function listFunctions(nats: Nats): Promise<FunctionRow[]> {
  const [specs, running, gatewayUrl, problems] = await Promise.all([
    openSpecs(nats).then((store) => store.list()),
    findRunningInstances(nats),
    findGatewayUrl(nats),
    findProblems(nats),
  ]);
  const shadowed = shadowedRoutesOf(specs);
  return specs
    .map((read): FunctionRow => {
      const row = rowOf(
        read,
        running.filter(({ function: name }) => name === read.key),
        gatewayUrl,
        problems,
      );
      const shadowedRoutes = shadowed.get(read.key);
      return shadowedRoutes === undefined ? row : { ...row, shadowedRoutes };
    })
    .sort((a, b) => a.name.localeCompare(b.name));
}

function rowOf(
  read: KvRead<Spec>,
  running: RunningInstance[],
  gatewayUrl: string | undefined,
  problems: Map<string, string>,
): FunctionRow {
  const common = { name: read.key, instances: running.length };
  if (!read.ok) {
    // What runs is the last good spec's.
    const [last] = running;
    const lastGood = { mode: last?.mode ?? null, revision: last?.revision ?? null, url: null };
    return { ...common, ...lastGood, state: "invalid", error: messageOf(read.error) };
  }
  if (read.value.kind === "service") {
    return { ...common, mode: read.value.spec.mode, revision: null, url: null, state: "external" };
  }
  const { mode, revision, routes } = read.value.spec;
  const url = functionUrl(gatewayUrl, routes);
  const error = problems.get(`${read.key}.${revision}`);
  if (error !== undefined) return { ...common, mode, revision, url, state: "failing", error };
  return { ...common, mode, revision, url, state: running.length > 0 ? "running" : "asleep" };
}

/** `<name>.<revision>` → what a node has to say against it. */
async function findProblems(nats: Nats): Promise<Map<string, string>> {
  const problems = new Map<string, string>();
  for (const read of await (await openNodeStates(nats)).list()) {
    if (!read.ok) continue;
    for (const { function: name, revision, error } of read.value.problems)
      problems.set(`${name}.${revision}`, error);
  }
  return problems;
}

export function showFunctions(output: Output, rows: FunctionRow[]): void {
  const { bold, dim, green, red, yellow } = output.colours;
  const colourOf = { running: green, asleep: dim, invalid: red, failing: red, external: dim };
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
