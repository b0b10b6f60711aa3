import { expect, it } from "vitest";
import { connectNats, openByteKv, openByteObjects } from "../../../../nats/index.ts";
import { startTestNats } from "../../../../test/harness/nats.ts";
import { naming } from "./store-failure.ts";

it("says that a bucket does not answer while NATS is away, whether it was open or not", async () => {
  const server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "test" });
  try {
    const open = openByteKv(nats, "open");
    await open.get("a");
    await server.close();
    const works: Promise<unknown>[] = [
      open.get("a"),
      open.put("a", new Uint8Array()),
      open.list({ prefix: "", limit: 1, after: 0 }),
      openByteKv(nats, "other").get("a"),
      openByteObjects(nats, "files").info("a"),
    ];
    const away = { name: "BindingError", message: "the bucket b does not answer" };
    const failures = works.map((work) => expect(naming("b", work)).rejects.toMatchObject(away));
    await Promise.all(failures);
  } finally {
    await nats.close();
  }
}, 20_000);

it("says that a bucket is full", async () => {
  await using server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "test" });
  try {
    const limits = {
      max_bytes: 100_000,
      storage: "file",
      allow_direct: true,
      allow_rollup_hdrs: true,
      discard: "new",
    };
    for (const [name, subjects] of [
      ["KV_small", ["$KV.small.>"]],
      ["OBJ_small", ["$O.small.C.>", "$O.small.M.>"]],
    ] as const) {
      const config = JSON.stringify({ name, subjects, ...limits });
      await nats.request(`$JS.API.STREAM.CREATE.${name}`, config, { timeoutMs: 2_000 });
    }
    async function* body() {
      yield new Uint8Array(200_000);
    }
    const objects = openByteObjects(nats, "small");
    const full = { name: "BindingError", message: "the bucket small has no room left" };
    await expect(naming("small", objects.put("a", body(), {}))).rejects.toMatchObject(full);
    const kv = openByteKv(nats, "small");
    expect(await kv.put("a", new Uint8Array(200_000))).toEqual({ ok: false, why: "full" });
  } finally {
    await nats.close();
  }
});

it("passes on what is no failure of the store", async () => {
  await expect(naming("b", Promise.reject(new RangeError("too long")))).rejects.toThrow(RangeError);
});
