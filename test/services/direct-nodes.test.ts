/** Calls from instance to instance when a node dies. */
import { expect, it } from "vitest";
import { subjects } from "../../contracts/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

const CALLEE = `
import { service } from "narun";
const me = crypto.randomUUID();
export default service({ name: "NAME", version: "1.0.0" }).action("me", { readOnly: true }, () => me);
`;
const CALLER = `
import { service } from "narun";
export default service({ name: "caller", version: "1.0.0" })
  .action("ask", {}, async (of, _ctx, env) => env[of.toUpperCase()].me());
`;
const NAMES = Array.from({ length: 8 }, (_, n) => `callee${n}`);

const ask = async (world: World, of: string) =>
  (await world.call("/caller.ask", { method: "POST", body: JSON.stringify(of) })).text;

it("a call that waits for a dead node is repeated elsewhere, and no later one goes there", async () => {
  await using world = await startWorld({ nodes: 2 });
  let byGateway = 0;
  world.connection.subscribe(subjects.invokeAll, () => {
    byGateway += 1;
  });
  for (const name of NAMES) await world.push(name, CALLEE.replace("NAME", name));
  await world.push("caller", CALLER, {
    bindings: NAMES.map((service) => ({ name: service.toUpperCase(), service })),
  });
  for (const name of NAMES) await ask(world, name);
  const home = (await world.listed("caller")).node;
  const far = (await world.ps()).find((one) => one.function !== "caller" && one.node !== home);
  if (far === undefined) throw new Error("all services run on one node");
  const { function: name } = far;
  const before = await eventually(
    async () => {
      const had = byGateway;
      const answer = await ask(world, name);
      expect(byGateway).toBe(had);
      return answer;
    },
    { timeoutMs: 30_000 },
  );
  const victim = world.nodes.find((node) => node.name === far.node);
  const host = await world.hostPid(name);
  // The machine lost its power: no connection is closed.
  process.kill(host, "SIGSTOP");
  try {
    await victim?.kill9();
    const waiting = ask(world, name);
    const after = await waiting;
    expect(after).toMatch(/^"[-\da-f]{36}"$/);
    expect(after).not.toBe(before);
    for (let n = 0; n < 5; n++) expect(await ask(world, name)).toBe(after);
  } finally {
    process.kill(host, "SIGKILL");
  }
}, 120_000);
