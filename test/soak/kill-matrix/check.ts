/** The verdict over the journals and the effects, when all workflows have ended. */
import type { WorkflowName } from "../../../nats/index.ts";
import { Journals, type Nats, toMessage } from "../../../nats/index.ts";
import { childOf, keysOf, WORKFLOW } from "./code.ts";

/** The event that each workflow waits for. */
export const EVENT = "gone";

/** Returns the faults of one workflow: none is allowed. */
export async function faultsOf(
  nats: Nats,
  id: string,
  result: unknown,
  effects: ReadonlyMap<string, string>,
): Promise<string[]> {
  const keys = keysOf(id);
  const expected = keys.map((key) => (key === undefined ? EVENT : effects.get(key)));
  const faults: string[] = [];
  if (JSON.stringify(result) !== JSON.stringify(expected))
    faults.push(`${id} ended with ${JSON.stringify(result)} instead of ${JSON.stringify(expected)}`);
  for (const name of [id, childOf(id)])
    faults.push(...(await journalFaults(nats, { workflow: WORKFLOW, id: name })));
  return faults;
}

/** Effects without a place in any workflow: a step ran under a second key. */
export function strayEffects(ids: readonly string[], effects: ReadonlyMap<string, string>): string[] {
  const known = new Set(ids.flatMap(keysOf));
  return [...effects.keys()].filter((key) => !known.has(key)).map((key) => `an effect for ${key}`);
}

/** A command has one result in its journal, and the last record is the only one that is final. */
async function journalFaults(nats: Nats, name: WorkflowName): Promise<string[]> {
  const entries = await new Journals(nats).read(name);
  const records = entries.map(toMessage).flatMap(({ log }) => log ?? []);
  const settled = records.flatMap(({ got = [] }) =>
    got.filter(([, what]) => what === "ok" || what === "error").map(([n]) => n),
  );
  const twice = settled.filter((n, at) => settled.indexOf(n) !== at);
  const early = records.slice(0, -1).filter(({ state }) => state === "done" || state === "failed");
  const isDone = records.at(-1)?.state === "done";
  const journal = () =>
    entries.map(({ seq, at, text }) => `\n  ${seq} ${new Date(at).toISOString()} ${text}`).join("");
  return [
    ...twice.map((n) => `${name.id} has two results of command ${n}`),
    ...early.map(({ state }) => `${name.id} went on behind ${state}`),
    ...(isDone ? [] : [`${name.id} has not ended:${journal()}`]),
  ];
}
