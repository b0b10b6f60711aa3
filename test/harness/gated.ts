import type { World } from "./world.ts";

/**
 * A function with a gate: requests without a query wait for a request with `?open` to the same instance. Any other query is
 * answered at once. `answer` is an expression of `request` and of `calls`, the number of requests without a query.
 */
export const gated = (answer: string) => `
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  export default async (request: Request) => {
    const { search } = new URL(request.url);
    if (search === "?open") gate.resolve();
    if (search !== "") return new Response("at once");
    calls += 1;
    await gate.promise;
    return new Response(${answer});
  };
`;

/** Opens the gates of the current instance and of its successors, until `waiting` has settled. */
export async function openGateUntil<T>(world: World, name: string, waiting: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  waiting.then(over, over);
  while (!isOver) await world.call(`/${name}?open`);
  return waiting;
}
