/** `narun workflow`, on a world with one workflow function. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { startWorld, type World } from "../../test/harness/world.ts";
import { narun } from "../testing/narun.ts";

const SOURCE = `import { workflow } from "narun";
export default workflow(async (ctx, order) => {
  const paid = await ctx.step("charge", { retry: { delay: 10 } }, ({ attempt }) => {
    if (attempt < 2) throw new Error("no answer");
    return "paid " + order.item;
  });
  return [paid, await ctx.waitFor("approved")];
});`;

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("orders", SOURCE, { workflow: true });
});
afterAll(() => world[Symbol.asyncDispose]());

const run = async (...args: string[]) => narun(["workflow", ...args, "--nats", world.nats.url]);
const json = async (...args: string[]) => JSON.parse((await run(...args, "--json")).stdout);

test("before the first workflow there is none to show", async () => {
  await using nats = await startTestNats();
  for (const action of ["show", "result", "cancel"])
    expect(await narun(["workflow", action, "orders", "o1", "--nats", nats.url, "--json"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"WORKFLOW_NOT_FOUND"'),
    });
}, 60_000);

test("starts a workflow once, lists it, signals it, shows its time line and its result", async () => {
  expect(await json("start", "orders", "o1", "--data", '{"item":"book"}')).toMatchObject({
    id: "o1",
    isNew: true,
  });
  expect((await run("start", "orders", "o1")).stdout).toBe("o1 is there already\n");
  await eventually(async () =>
    expect(await json("ls", "orders")).toMatchObject([{ workflow: "orders", id: "o1", state: "waiting" }]),
  );
  expect(await json("ls", "--state", "done")).toEqual([]);
  expect(await run("rm", "orders", "o1")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("has not ended"),
  });
  await run("signal", "orders", "o1", "approved", "--data", "true", "--signal-id", "a");
  expect((await run("result", "orders", "o1", "--wait", "20s")).stdout).toBe('["paid book",true]\n');
  const { stdout } = await run("show", "orders", "o1");
  expect(stdout).toMatch(/^orders o1 {2}done$/m);
  expect(stdout).toMatch(/step charge .*= .*m?s {2}\(2 attempts\) "paid book"$/m);
  expect(stdout).toMatch(/wait approved .*=/);
  expect(stdout).toMatch(/signal approved .*\|.* true$/m);
  expect(await run("signal", "orders", "o1", "approved")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("The workflow has ended"),
  });
  expect(await json("rm", "orders", "o1")).toMatchObject({ removed: true });
  expect(await run("show", "orders", "o1")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("There is no such workflow"),
  });
}, 120_000);

test("cancels, and refuses what makes no sense", async () => {
  await run("start", "orders", "o2", "--data", '{"item":"pen"}');
  await run("cancel", "orders", "o2");
  expect(await run("result", "orders", "o2", "--wait", "20s")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("cancelled"),
  });
  for (const args of [
    ["show", "orders"],
    ["signal", "orders", "o2"],
    ["begin"],
    ["start", "orders", "o3", "--data", "{"],
  ])
    expect((await run(...args)).code).toBe(2);
  expect((await run("start", "nothing", "x")).stderr).toContain("nothing");
}, 120_000);

test("a function that is removed leaves its open workflows, and says so", async () => {
  await world.push("left", SOURCE, { workflow: true });
  expect((await run("start", "left", "open", "--data", '{"item":"ink"}')).stdout).toBe("started open\n");
  await eventually(async () => expect(await json("ls", "left")).toMatchObject([{ state: "waiting" }]));
  const { stderr } = await narun(["rm", "left", "--nats", world.nats.url]);
  expect(stderr).toContain("1 workflow that has not ended waits for a function of this name");
  await run("signal", "left", "open", "approved", "--data", "true");
  await eventually(async () =>
    expect((await run("show", "left", "open")).stdout).toMatch(/^left open {2}stuck$/m),
  );
  expect((await run("show", "left", "open")).stdout).toMatch(/^error .*WORKFLOW_FUNCTION_MISSING/m);
  expect(await json("rm", "left", "open", "--force")).toMatchObject({ removed: true });
}, 120_000);
