/** Due messages that come while another one of their workflow is looked at. */
import { jetstream } from "@nats-io/jetstream";
import { expect, it } from "vitest";
import { stores, subjects } from "../../contracts/index.ts";
import { Journals } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const SOURCE = `import { workflow } from "narun";
export default workflow(async (ctx) => ctx.waitFor("go"));`;

it("wakes a workflow by an event that comes with an older message whose acknowledgement was lost", async () => {
  await using world = await startWorld();
  await world.push("joined", SOURCE, { workflow: true });
  // The node has made the stream.
  const { stream, consumer } = stores.workflows;
  const due = await eventually(() => jetstream(world.connection.connection).consumers.get(stream, consumer));
  await world.nodes[0]?.kill9();
  const journals = new Journals(world.connection);
  const names = ["a", "b", "c", "d"].map((id) => ({ workflow: "joined", id }));
  for (const name of names) await journals.send(name, { t: "start" }, true);
  // A runner ran them, and died before its acknowledgements came.
  const taken = await due.fetch({ max_messages: names.length, expires: 10_000 });
  let count = 0;
  for await (const _ of taken) if (++count === names.length) break;
  for (const name of names) {
    const { seq = 0 } = (await journals.lastOf(subjects.workflowInputs(name.workflow, name.id))) ?? {};
    const record = { at: Date.now(), seen: seq, state: "waiting", did: [["wait", "go"]] };
    await journals.append(name, JSON.stringify(record), 0);
    await journals.send(name, { t: "signal", id: "once", name: "go", payload: name.id });
  }
  // Both messages of each are due now.
  await eventually(async () => {
    const { num_ack_pending, num_pending } = await due.info();
    expect([num_ack_pending, num_pending]).toEqual([names.length, names.length]);
  });
  await world.startNode("node-1");
  for (const name of names)
    await eventually(
      async () =>
        expect((await journals.last(name))?.record).toMatchObject({ state: "done", value: name.id }),
      { timeoutMs: 30_000 },
    );
}, 90_000);
