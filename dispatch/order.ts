/**
 * The order of a service's instances: by it the n-th instance is on the n-th node of the service's ranking, around. Processes
 * that know the same instances compute the same order, so that they leave the same ones without requests.
 */
import { rankNodes } from "../contracts/index.ts";

export function inOrder<T extends { id: string; node: string }>(
  service: string,
  instances: readonly T[],
): readonly T[] {
  if (instances.length < 2) return instances;
  const byNode = Map.groupBy(instances, ({ node }) => node);
  const columns = rankNodes(
    service,
    [...byNode].map(([node, here]) => ({ node, here: here.sort(byId) })),
  );
  const rows = Math.max(...columns.map(({ here }) => here.length));
  return Array.from({ length: rows }, (_, row) =>
    columns.flatMap(({ here }) => here.slice(row, row + 1)),
  ).flat();
}

function byId(one: { id: string }, other: { id: string }): number {
  return one.id < other.id ? -1 : 1;
}
