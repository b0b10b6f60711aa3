/** Commands that change something while leaders are elected: each waits and works, or ends by a code and leaves nothing half done. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { narun } from "../../cli/testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../../cli/testing/work-folder.ts";
import { listFiles, listRevisions, listSecrets } from "../../control/index.ts";
import { generateSecretsKey } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type NatsCluster, startNatsCluster } from "../harness/nats-cluster.ts";
import { startWorld, type World } from "../harness/world.ts";

const WAIT = { timeoutMs: 40_000 };
const LONG_MS = 120_000;
/** An election may take longer than a command waits. */
const WAITED = /"code":"NATS_(?:JETSTREAM_UNAVAILABLE|UNREACHABLE|NO_MAJORITY)"/;

let cluster: NatsCluster;
let world: World;
let folder: WorkFolder;
beforeAll(async () => {
  folder = await createWorkFolder({ "motd.txt": "hello" });
  cluster = await startNatsCluster();
  world = await eventually(
    () => startWorld({ natsUrl: cluster.url("n0"), nodeArguments: ["--replicas", "3"] }),
    WAIT,
  );
  await eventually(() => expect(world.connection.cluster.here).toBe(3), WAIT);
}, LONG_MS);
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const version = (number: number) => `export default () => new Response("version ${number}");`;
const env = { NARUN_SECRETS_KEY: generateSecretsKey() };

/** Runs a command until it works; each failure has one of the codes. Returns how often it was run. */
async function untilDone(args: string[], input = ""): Promise<number> {
  for (let times = 1; ; times++) {
    const options = {
      cwd: folder.dir,
      input,
      env: { ...env, NARUN_NATS_URL: cluster.urls() },
      limitMs: 60_000,
    };
    const { code, stdout, stderr } = await narun([...args, "--json"], options);
    const words = `${stdout}${stderr}`;
    // An earlier run did it, and its answer was lost.
    const wasDone = times > 1 && words.includes("NOT_FOUND");
    if (code === 0 || wasDone) return times;
    expect(words).toMatch(WAITED);
  }
}

it("wait for the leaders of their stores", { timeout: LONG_MS }, async () => {
  const { connection } = world;
  const first = await world.push("old", version(1), { scale: { min: 1 } });
  await world.push("old", version(2), { scale: { min: 1 } });
  await world.push("gone", version(1), {});
  await untilDone(["secret", "set", "early"], "value");
  await untilDone(["files", "add", "early", "motd.txt"]);
  const manager = await jetstreamManager(connection.connection, { checkAPI: false });
  const { cluster: place } = await manager.streams.info("KV_app-configs");
  await cluster.kill(place?.leader ?? "");
  const runs = await Promise.all([
    untilDone(["secret", "set", "late"], "value"),
    untilDone(["files", "add", "late", "motd.txt"]),
    untilDone(["rm", "gone"]),
    untilDone(["rollback", "old", "--to", first.revision]),
  ]);
  expect(runs.every((times) => times <= 3)).toBe(true);
  cluster.start(place?.leader ?? "");
  expect((await listSecrets(connection)).map(({ name }) => name)).toEqual(["early", "late"]);
  expect(await listFiles(connection)).toMatchObject([
    { name: "early", size: 5 },
    { name: "late", size: 5 },
  ]);
  await expect(listRevisions(connection, "gone")).rejects.toMatchObject({ code: "FUNCTION_NOT_FOUND" });
  await eventually(async () => expect((await world.call("/old")).text).toBe("version 1"), WAIT);
});
