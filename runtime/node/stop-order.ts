/** A node ends each service before the services that it requires. */
import type { DesiredState } from "./desired-state.ts";
import type { InstanceTable } from "./instance-table.ts";

/** Drains the services that require others, and leaves the last group to its caller. */
export async function drainInOrder(
  instances: InstanceTable,
  desired: DesiredState,
  grace: AbortSignal,
): Promise<void> {
  const names = instances.all().map((one) => one.function);
  const requiresOf = (name: string) => desired.get(name)?.spec.interface?.requires ?? [];
  for (const group of decideStopOrder(names, requiresOf).slice(0, -1)) await instances.drainAll(group, grace);
}

/** Groups that end one after the other. Services in a cycle of `requires` end together. */
export function decideStopOrder(
  names: Iterable<string>,
  requiresOf: (name: string) => readonly string[],
): string[][] {
  const order: string[][] = [];
  let left = [...new Set(names)];
  while (left.length > 0) {
    const required = new Set(left.flatMap((name) => requiresOf(name).filter((other) => other !== name)));
    const free = left.filter((name) => !required.has(name));
    const group = free.length > 0 ? free : left;
    order.push(group);
    left = left.filter((name) => !group.includes(name));
  }
  return order;
}
