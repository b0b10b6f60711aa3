/** The workflow of the kill matrix, and the result that each one must have. */

/** The function, and the workflows of it: an order has ten steps, sleeps, a wait and a child. */
export const WORKFLOW = "matrix";

/** `effects`: the base URL of the server that counts effects. */
export function workflowSource(effects: string): string {
  return `import { workflow } from "narun";

/** An effect with a key: the first request decides its value. */
async function effect(key) {
  const answer = await fetch(${JSON.stringify(effects)}, { method: "POST", body: key });
  if (answer.status !== 200) throw new Error("the effect has status " + answer.status);
  return answer.text();
}

const retry = { max: 20, backoff: "constant", delay: 200 };

export default workflow(async (ctx, input) => {
  const step = (name) => ctx.step(name, { retry }, ({ key }) => effect(key));
  if (input.isChild) {
    const first = await step("child 1");
    await ctx.sleep(input.sleepMs);
    return [first, await step("child 2")];
  }
  const found = [await step("1"), await step("2")];
  await ctx.sleep(input.sleepMs);
  found.push(await step("3"));
  found.push(...(await Promise.all([step("4"), step("5")])));
  found.push(await ctx.waitFor("go"));
  found.push(await step("6"));
  found.push(...(await ctx.child("${WORKFLOW}", { isChild: true, sleepMs: input.sleepMs })));
  found.push(await step("7"));
  found.push(
    await ctx.step("8", { retry }, ({ key, attempt }) => {
      if (attempt === 1) throw new Error("the first attempt fails");
      return effect(key);
    }),
  );
  found.push(await step("9"));
  await ctx.sleep(input.sleepMs);
  found.push(await step("10"));
  return found;
});
`;
}

/** The numbers of the commands with effects, in the order of the result. Others are sleeps, waits and children. */
const BEFORE_WAIT = [0, 1, 3, 4, 5];
const BEHIND_WAIT = [7];
const BEHIND_CHILD = [9, 10, 11, 13];
const OF_CHILD = [0, 2];
const CHILD = 8;

/** The keys of the effects of one workflow, by the order of its result. The event of the wait is undefined. */
export function keysOf(id: string): (string | undefined)[] {
  const own = (n: number) => `${WORKFLOW}/${id}/0/${n}`;
  const childs = (n: number) => `${WORKFLOW}/${childOf(id)}/0/${n}`;
  return [
    ...BEFORE_WAIT.map(own),
    undefined,
    ...BEHIND_WAIT.map(own),
    ...OF_CHILD.map(childs),
    ...BEHIND_CHILD.map(own),
  ];
}

export function childOf(id: string): string {
  return `${id}-0-${CHILD}`;
}
