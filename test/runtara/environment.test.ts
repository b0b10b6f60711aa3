/** Images and the runs of instances on nodes, managed by the unmodified SDK (runtara-management-sdk 1.6.4). */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "../harness/world.ts";
import { type Peer, RUNTARA_PEER, startManager } from "./peer.ts";

const FINAL = ["completed", "failed", "cancelled"];

describe.skipIf(RUNTARA_PEER === undefined)(
  "management by runtara-management-sdk 1.6.4 (test/peers/runtara.sh)",
  () => {
    let world: World;
    let manager: Peer;
    let folder: string;
    let image: string;
    const peer = RUNTARA_PEER ?? "";
    const script = async (name: string, lines: string) => {
      const file = join(folder, name);
      await writeFile(file, `#!/bin/sh\n${lines}\n`);
      return file;
    };
    const until = async (id: string, statuses: readonly string[]) => {
      let info: Record<string, unknown> = {};
      await expect
        .poll(
          async () => {
            info = await manager.call("status", id);
            return statuses.includes(String(info.status)) ? "there" : info.status;
          },
          { timeout: 60_000, interval: 30 },
        )
        .toBe("there");
      return info;
    };
    const start = async (order: Record<string, unknown>) => {
      const started = await manager.call("start", { image, tenant: "acme", ...order });
      expect(started).toMatchObject({ success: true });
      return String(started.id);
    };
    const steps = (...list: unknown[][]) => ({ input: { steps: list } });

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "narun-test-runtara-"));
      world = await startWorld({
        nodes: 1,
        nodeArguments: ["--runtara-http", "127.0.0.1:0", "--runtara-open"],
      });
      manager = startManager(world.nodes[0]?.runtaraHttp ?? "");
      expect(await manager.call("connect")).toBe(true);
      const registered = await manager.call("register_image", "acme", "peer", peer, {
        narun: { openFiles: 64 },
      });
      expect(registered).toMatchObject({ success: true });
      image = registered.id;
    }, 150_000);
    afterAll(async () => {
      await manager?.[Symbol.asyncDispose]();
      await world?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    it("is healthy", async () => {
      expect(await manager.call("health")).toMatchObject({ healthy: true, version: expect.any(String) });
    });

    it("keeps images by tenant: registers, uploads, lists, gets, deletes", async () => {
      const file = await script("hello", "exit 0");
      const digest = createHash("sha256")
        .update(await readFile(file))
        .digest("hex");
      const wrong = await manager.call("upload_image", "other", "hello", file, "0".repeat(64));
      expect(wrong).toMatchObject({ success: false, error: expect.stringContaining(digest) });
      const { id } = await manager.call("upload_image", "other", "hello", file, digest);
      expect(await manager.call("upload_image", "other", "hello", file, digest)).toMatchObject({
        success: true,
        id,
      });
      expect(await manager.call("list_images", "other")).toMatchObject({
        total: 1,
        images: [{ id, name: "hello" }],
      });
      expect(await manager.call("get_image", id, "other")).toMatchObject({
        tenant: "other",
        runner: "Native",
      });
      expect(await manager.call("get_image", id, "acme")).toBeNull();
      expect(await manager.call("delete_image", id, "acme")).toMatchObject({ failed: expect.any(String) });
      expect(await manager.call("delete_image", id, "other")).toBe(true);
      expect(await manager.call("get_image", id, "other")).toBeNull();
    });

    it("refuses what is no program, and limits that narun does not know", async () => {
      const file = join(folder, "text");
      await writeFile(file, "no program");
      expect(await manager.call("register_image", "acme", "text", file, null)).toMatchObject({
        success: false,
      });
      const wrong = await manager.call("register_image", "acme", "peer", peer, {
        narun: { memoryMB: "much" },
      });
      expect(wrong).toMatchObject({ success: false, error: expect.stringContaining("memoryMB") });
    });

    it("starts an instance with its id, environment and input, in a clean environment", async () => {
      const calls = [
        "RUNTARA_INSTANCE_ID",
        "RUNTARA_TENANT_ID",
        "RUNTARA_CHECKPOINT_ID",
        "OWN",
        "NATS_URL",
        "SHELL",
      ];
      const id = await start({
        id: "named/é",
        env: { OWN: "yes" },
        ...steps(...calls.map((name) => ["env", name]), ["completed", '{"big":18446744073709551615}']),
      });
      expect(id).toBe("named/é");
    });

    it("runs a program to its result", async () => {
      const id = await start({
        id: "run-1",
        env: { OWN: "yes", RUNTARA_TENANT_ID: "forged" },
        ...steps(
          ...[
            "RUNTARA_INSTANCE_ID",
            "RUNTARA_TENANT_ID",
            "RUNTARA_CHECKPOINT_ID",
            "OWN",
            "NATS_URL",
            "SHELL",
          ].map((name) => ["env", name]),
          ["completed", '{"n":1}'],
        ),
      });
      const info = await until(id, FINAL);
      expect(info).toMatchObject({
        status: "completed",
        output: { n: 1 },
        image_name: "peer",
        tenant_id: "acme",
        input: { steps: expect.any(Array) },
      });
      const told = String((await settled(id)).stderr).split("\n");
      expect(told.map((line) => line.split(" ").at(-1)).slice(0, 6)).toEqual([
        '"run-1"',
        '"acme"',
        "null",
        '"yes"',
        "null",
        "null",
      ]);
    });

    /** The instance after its process has ended, with its exit code. */
    const settled = async (id: string) => {
      let info: Record<string, unknown> = {};
      await expect
        .poll(
          async () => {
            info = await manager.call("status", id);
            return info.exit_code;
          },
          { timeout: 15_000, interval: 30 },
        )
        .not.toBeNull();
      return info;
    };

    it("gives the same instance for the same call, and refuses another one under its id", async () => {
      const order = { id: "twice", ...steps(["completed", "1"]) };
      await start(order);
      await start(order);
      expect(await manager.call("start", { image, tenant: "acme", id: "twice", input: 1 })).toMatchObject({
        success: false,
      });
      const others = await manager.call("start", { image, tenant: "evil", id: "twice" });
      expect(others).toMatchObject({ failed: expect.stringContaining("not found") });
      expect(await manager.call("start", { image: "nothing", tenant: "acme" })).toEqual({
        failed: expect.stringContaining("not found"),
      });
      expect(
        await manager.call("run", { image, tenant: "acme", ...steps(["completed", '"end"']) }),
      ).toMatchObject({ output: "end" });
    });

    it("takes the exit code of a plain program as its result, and keeps its stderr", async () => {
      const good = await manager.call(
        "register_image",
        "acme",
        "good",
        await script("good", "echo fine >&2"),
        null,
      );
      const bad = await manager.call(
        "register_image",
        "acme",
        "bad",
        await script("bad", "echo broken >&2; exit 3"),
        null,
      );
      const done = await until(await start({ image: good.id }), FINAL);
      expect(done).toMatchObject({ status: "completed", stderr: "fine" });
      const failed = await until(await start({ image: bad.id }), FINAL);
      expect(failed).toMatchObject({
        status: "failed",
        exit_code: 3,
        termination_reason: "crashed",
        error: expect.stringContaining("5 times in a row"),
      });
    });

    it("runs JavaScript on narun's own Node", async () => {
      const file = join(folder, "module.mjs");
      await writeFile(
        file,
        `const at = (path) => process.env.RUNTARA_HTTP_URL.replace(/\\/\\/.*@/, "//") + "/api/v1/instances/" + process.env.RUNTARA_INSTANCE_ID + "/" + path;
       const token = Buffer.from(new URL(process.env.RUNTARA_HTTP_URL).password);
       const call = (path, body) => fetch(at(path), { method: "POST", body: JSON.stringify(body), headers: { Authorization: "Bearer " + token } });
       await call("register", { tenant_id: process.env.RUNTARA_TENANT_ID });
       await call("completed", { output: btoa(JSON.stringify(process.versions.node)) });`,
      );
      const { id } = await manager.call("register_image", "acme", "module", file, {
        narun: { mode: "node" },
      });
      expect(await until(await start({ image: id }), FINAL)).toMatchObject({
        status: "completed",
        output: process.versions.node,
      });
    });

    it("has a program that was paused started again by resume, with its input and its checkpoints", async () => {
      const id = await start(
        steps(
          ["checkpoint", "first", '{"kept":1}'],
          ["poll_signal"],
          ["obey_signals"],
          ["completed", '"never"'],
        ),
      );
      await expect
        .poll(async () => (await manager.call("list_checkpoints", id)).total, { timeout: 20_000 })
        .toBe(1);
      expect(await manager.call("resume", id)).toMatchObject({ failed: expect.any(String) });
      expect(await manager.call("pause", id)).toBe(true);
      await until(id, ["suspended"]);
      await settled(id);
      expect(await manager.call("signal_resume", id)).toBe(true);
      await until(id, ["running"]);
      expect(await manager.call("cancel", id, "enough")).toBe(true);
      const info = await until(id, FINAL);
      expect(info).toMatchObject({ status: "cancelled" });
      await expect
        .poll(async () => String((await manager.call("status", id)).stderr), { timeout: 20_000 })
        .toContain('"found":true');
      expect(await manager.call("get_checkpoint", id, "first")).toMatchObject({
        id: "first",
        data: { kept: 1 },
      });
    });

    it("delivers a custom signal to a program that waits", async () => {
      const id = await start(steps(["wait_custom_signal", "approved"], ["completed", '"approved"']));
      await until(id, ["running"]);
      expect(await manager.call("custom_signal", id, "approved", '{"by":"me"}')).toBe(true);
      expect(await until(id, FINAL)).toMatchObject({ output: "approved" });
      expect(await manager.call("custom_signal", id, "approved", "late")).toMatchObject({
        failed: expect.any(String),
      });
    });

    it("goes on from the last checkpoint after a crash, and does no step twice", async () => {
      const marks = join(folder, "crash");
      const id = await start(
        steps(
          ["checkpoint", "one", "1"],
          ["exit_once", marks],
          ["checkpoint", "one", "again"],
          ["custom_event", "after", "1"],
          ["completed", '"through"'],
        ),
      );
      const info = await until(id, FINAL);
      expect(info).toMatchObject({ status: "completed", output: "through" });
      await expect
        .poll(async () => String((await manager.call("status", id)).stderr), { timeout: 20_000 })
        .toContain('"state":"1"');
      const { events } = await manager.call("list_events", id, { type: "running" });
      expect(events).toHaveLength(2);
    });

    it("ends a program after its time", async () => {
      const id = await start({ timeout: 1, ...steps(["wait_custom_signal", "never"]) });
      expect(await until(id, FINAL)).toMatchObject({ status: "failed", termination_reason: "timeout" });
    });

    it("stops a program: it may obey, and is ended after the grace", async () => {
      const obedient = await start(steps(["obey_signals"]));
      await until(obedient, ["running"]);
      expect(await manager.call("stop", obedient, 20)).toBe(true);
      expect(await until(obedient, FINAL)).toMatchObject({ status: "cancelled" });
      const deaf = await start(steps(["wait_custom_signal", "never"]));
      await until(deaf, ["running"]);
      expect(await manager.call("stop", deaf, 0)).toBe(true);
      expect(await until(deaf, FINAL)).toMatchObject({ status: "cancelled", error: "a test" });
      expect(await manager.call("stop", deaf, 0)).toMatchObject({ failed: expect.any(String) });
    });

    it("lists by filters, in order, by pages, and measures a tenant", async () => {
      const tenant = "counted";
      const { id: own } = await manager.call("register_image", tenant, "listed", peer, null);
      for (const [at, end] of [
        ["completed", '"x"'],
        ["failed", "no"],
        ["completed", '"y"'],
      ].entries())
        await until(await start({ id: `l-${at}`, tenant, image: own, ...steps(end) }), FINAL);
      const list = (query: object) => manager.call("list", { tenant, ...query });
      const ids = (result: { instances: { id: string }[] }) => result.instances.map(({ id }) => id);
      expect(ids(await list({}))).toEqual(["l-2", "l-1", "l-0"]);
      expect(ids(await list({ oldest: true, limit: 1, offset: 1 }))).toEqual(["l-1"]);
      expect(await list({ limit: 1 })).toMatchObject({ total: 3 });
      expect(await list({ status: "failed" })).toMatchObject({
        total: 1,
        instances: [{ id: "l-1", hasError: true, image: own }],
      });
      expect(await list({ prefix: "list" })).toMatchObject({ total: 3 });
      expect(await list({ prefix: "peer" })).toMatchObject({ total: 0 });
      expect(await list({ image })).toMatchObject({ total: 0 });
      expect(await manager.call("metrics", tenant)).toMatchObject({
        buckets: [{ all: 3, good: 2, bad: 1, cancelled: 0 }],
      });
      expect(await manager.call("steps", "l-0")).toBe(0);
      expect(await manager.call("agents")).toBe(0);
    });

    it("tells that an instance was not found", async () => {
      for (const call of ["status", "stop", "resume", "pause", "custom_signal"])
        expect(await manager.call(call, "nobody", "c", "x"), call).toMatchObject({
          failed: expect.stringContaining("not found"),
        });
    });
  },
);
