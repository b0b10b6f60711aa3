/** The order in which the services of a node end: a service ends before those that it requires. Decides, and does no I/O. */

/**
 * Groups that end one after the other. Services in a cycle of `requires`, and those that nothing requires any more, end together.
 * `requiresOf`: the services that one requires.
 */
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
