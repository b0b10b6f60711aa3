/** A name that a live service answers without a deployment: a push, a deployment and `narun up` leave it alone. */
import { afterAll, describe, expect, it } from "vitest";
import { narun } from "../cli/testing/narun.ts";
import { createWorkFolder } from "../cli/testing/work-folder.ts";
import { removeFunction } from "../control/index.ts";
import { openNodeStates, openSpecs } from "../nats/index.ts";
import { serve } from "../runtime/serve/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startForeignService } from "./harness/foreign-service.ts";
import { startHeldServer } from "./harness/held-server.ts";
import { startWorld } from "./harness/world.ts";

const source = `export default () => new Response("a function");`;
const world = await startWorld();
const folder = await createWorkFolder({
  "shop/index.ts": source,
  "shop/narun.yaml": "name: shop\n",
  "tool.sh": "#!/bin/sh\n",
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const foreign = (name: string) => startForeignService({ url: world.nats.url, name, answer: "foreign" });
const served = (service: string) =>
  serve(() => new Response("served"), { service, nats: world.nats.url, signals: false });
const specOf = async (name: string) => (await openSpecs(world.connection)).get(name);
const run = (...args: string[]) =>
  narun(args, { cwd: folder.dir, env: { NARUN_NATS_URL: world.nats.url }, limitMs: 50_000 });

describe("a name that another's live service answers", () => {
  it("is refused to a push, with who answers, and is free when that has ended", async () => {
    {
      await using _service = await foreign("shop");
      await expect(world.push("shop", source)).rejects.toMatchObject({
        code: "NAME_TAKEN",
        fields: {
          detail: expect.stringMatching(/^shop is answered by .*: \w{10,} \(version 3\.2\.1\)$/),
          services: [{ id: expect.any(String), version: "3.2.1" }],
        },
      });
      expect(await specOf("shop")).toBeUndefined();
      const { code, stderr } = await run("push", "shop");
      expect(code).not.toBe(0);
      expect(stderr).toContain("version 3.2.1");
      expect(stderr).toMatch(/Choose another name, or end the other service/);
    }
    await world.push("shop", source);
    expect(await world.call("/shop")).toMatchObject({ text: "a function" });
  }, 60_000);

  it("is refused to a push and a deployment where it is served by narun's own means, with its machine", async () => {
    await using consumer = await served("orders");
    const refusal = {
      code: "NAME_TAKEN",
      fields: { services: [{ version: "0.1.0", mode: "serve", node: expect.any(String) }] },
    };
    await expect(world.push("orders", source)).rejects.toMatchObject(refusal);
    const { code, stdout, stderr } = await run(
      ...["deploy", "--name", "orders", "--tag", "v1", "tool.sh", "--json"],
    );
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain("NAME_TAKEN");
    expect(await specOf("orders")).toBeUndefined();
    await consumer.close();
  }, 60_000);
});

describe("a name that is its owner's", () => {
  it("is the function's while a stranger answers for it, too", async () => {
    await world.push("mine", source);
    await using _service = await foreign("mine");
    await world.push("mine", `${source} // changed`);
    expect(await world.call("/mine")).toMatchObject({ text: "a function" });
  });

  it("is free while instances of the removed function still answer", async () => {
    await using held = await startHeldServer();
    await world.push("again", held.source, held.config);
    const open = world.call("/again");
    await eventually(() => expect(held.waiting).toHaveLength(1));
    await removeFunction(world.connection, "again");
    await world.announced("again", "draining");
    expect(await world.ps("again")).toMatchObject([{ state: "draining" }]);
    await world.push("again", source);
    held.open();
    expect(await open).toMatchObject({ status: 200 });
  });

  it("is free for a deployment where a runner of the original toolkit has its instances", async () => {
    await using _service = await foreign("theirs");
    const now = new Date().toISOString();
    await (await openNodeStates(world.connection)).put("old-runner", {
      ...{ node_id: "old-runner", last_seen: now, start_time: now, version: "0.2.1" },
      ...{ status: "running", managed_instances: ["theirs-0"], labels: {}, problems: [] },
    });
    const { code, stderr } = await run(
      "deploy",
      "--name",
      "theirs",
      "--tag",
      "v1",
      "tool.sh",
      "--node",
      "none",
    );
    expect(stderr).not.toContain("NAME_TAKEN");
    expect(code).toBe(0);
    expect(await specOf("theirs")).toMatchObject({ value: { kind: "service" } });
  });
});
