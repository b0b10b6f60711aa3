import type { Command } from "commander";
import { messageOf, type ShadowedRoute, type Spec, shortRevision } from "../../contracts/index.ts";
import {
  describeShadowed,
  findGatewayUrl,
  findNodes,
  findRunningInstances,
  functionUrl,
  type KnownNode,
  type RunningInstance,
  shadowedRoutesOf,
  takesWork,
} from "../../control/index.ts";
import { type KvRead, type Nats, openSpecs } from "../../nats/index.ts";
import { addExamples } from "../examples.ts";
import type { Output } from "../output/output.ts";
import { withNats } from "../session.ts";

/** A function as `narun ls` shows it. */
export interface FunctionRow {
  name: string;
  mode: string | null;
  revision: string | null;
  url: string | null;
  instances: number;
  state: "running" | "asleep" | "no node" | "invalid" | "failing" | "external";
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
  const [specs, running, gatewayUrl, nodes] = await Promise.all([
    openSpecs(nats).then((store) => store.list()),
    findRunningInstances(nats),
    findGatewayUrl(nats),
    findNodes(nats),
  ]);
  const shadowed = shadowedRoutesOf(specs);
  return specs
    .map((read): FunctionRow => {
      const row = rowOf(
        read,
        running.filter(({ function: name }) => name === read.key),
        gatewayUrl,
        nodes,
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
  nodes: KnownNode[],
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
  const here = { ...common, mode, revision, url };
  if (!nodes.some((node) => takesWork(node, mode))) return { ...here, state: "no node" };
  const error = findProblem(nodes, read.key, revision);
  if (error !== undefined) return { ...here, state: "failing", error };
  return { ...here, state: running.length > 0 ? "running" : "asleep" };
}

/** What a node has to say against a revision. */
function findProblem(nodes: KnownNode[], name: string, revision: string): string | undefined {
  const problems = nodes.flatMap(({ state, isLost }) => (isLost ? [] : state.problems));
  return problems.findLast((problem) => problem.function === name && problem.revision === revision)?.error;
}

export function showFunctions(output: Output, rows: FunctionRow[]): void {
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
