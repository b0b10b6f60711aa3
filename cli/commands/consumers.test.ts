/** The consumers that commands and parts leave at the server. A stream may have a thousand of them. */
import { expect, test } from "vitest";
import { z } from "zod";
import { connectNats } from "../../nats/index.ts";
import { countConsumers } from "../../test/harness/consumers.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { FREE_PORTS, narun, startNarun } from "../testing/narun.ts";
import { answering, createWorkFolder } from "../testing/work-folder.ts";

test("no command leaves a consumer behind, and no part more than it began with", async () => {
  await using folder = await createWorkFolder({ "hello/index.ts": answering("one\n") });
  await using up = startNarun(["up", ...FREE_PORTS, "--data-dir", folder.path("data"), "--json"], {
    cwd: folder.dir,
    limitMs: 120_000,
  });
  const [line] = await up.shows(/^\{"http".*\}$/m);
  const { nats: url } = z.object({ nats: z.string() }).parse(JSON.parse(line));
  const nats = await connectNats({ url, name: "test" });
  await using _ = { [Symbol.asyncDispose]: () => nats.close() };
  // Of the gateway, which the registry shares, and of the node-runner.
  const atStart = ["KV_app-configs 2"];
  await eventually(async () => expect(await countConsumers(nats)).toEqual(atStart));

  const commands = [
    ["push", "hello"],
    ["push", "hello"],
    ["ls"],
    ["ps"],
    ["nodes"],
    ["revisions", "hello"],
    ["invoke", "hello"],
    ["logs", "hello"],
    ["secret", "ls"],
    ["doctor"],
    ["rollback", "nothing"],
    ["rm", "hello"],
  ];
  for (const args of commands) {
    await narun(args, { cwd: folder.dir, env: { NARUN_NATS_URL: url } });
    expect({ args, consumers: await countConsumers(nats) }).toEqual({ args, consumers: atStart });
  }

  const node = startNarun(["node", "--nats", url, "--name", "second", "--cache-dir", folder.path("cache")]);
  await node.shows(/ready/);
  node.kill("SIGTERM");
  await node.ended;
  const gateway = startNarun(["gateway", "--nats", url, "--http", "127.0.0.1:0"]);
  await gateway.shows(/http:\/\//);
  gateway.kill("SIGTERM");
  await gateway.ended;
  await eventually(async () => expect(await countConsumers(nats)).toEqual(atStart));
}, 90_000);
