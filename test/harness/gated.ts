import type { World } from "./world.ts";

/**
 * A function that answers when it is told to: requests without a query wait for one with `?open`, asked of the same
 * instance; any other query is answered at once. `answer` is an expression of `request` and of `calls`, the number of
 * requests without a query.
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

/** Opens the gate of whichever instance there is, and of those that follow it, until what waits behind it is over. */
export async function openGateUntil<T>(world: World, name: string, waiting: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  waiting.then(over, over);
  while (!isOver) await world.call(`/${name}?open`);
  return waiting;
}
