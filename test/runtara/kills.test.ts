/**
 * Nodes and NATS are killed while programs store checkpoints and sleep. The long form: `RUNTARA_KILLS=40 RUNTARA_SEED=…
 * npx vitest run test/runtara/kills.test.ts`.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { openRuntara } from "../../runtara/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";
import { createRandom } from "../soak/random.ts";

const KILLS = Number(process.env.RUNTARA_KILLS ?? 2);
const SEED = Number(process.env.RUNTARA_SEED ?? 7);
const INSTANCES = 4 + KILLS;
const STEPS = 9;

/** Ten steps with an effect each, which is a line of a file, and sleeps between them: some in the process, some outside. */
const programOf = (effects: string) => `
import { appendFileSync } from "node:fs";
const { RUNTARA_HTTP_URL, RUNTARA_INSTANCE_ID: id, RUNTARA_TENANT_ID: tenant } = process.env;
const { origin, password } = new URL(RUNTARA_HTTP_URL);
async function call(path, body, tries = 20) {
  try {
    const answer = await fetch(origin + "/api/v1/instances/" + id + "/" + path, {
      method: "POST", body: JSON.stringify(body), headers: { Authorization: "Bearer " + password },
    });
    if (answer.status < 500) {
      if (!answer.ok) throw Object.assign(new Error(await answer.text()), { isFinal: true });
      return await answer.json();
    }
    throw new Error(await answer.text());
  } catch (error) {
    if (error.isFinal || tries === 0) throw error;
    await new Promise((resolve) => setTimeout(resolve, 250));
    return call(path, body, tries - 1);
  }
}
await call("register", { tenant_id: tenant });
for (let step = 0; step < ${STEPS}; step++) {
  const { found } = await call("checkpoint", { checkpoint_id: "step " + step, state: "" });
  if (!found) {
    appendFileSync(${JSON.stringify(effects)}, id + " " + step + "\\n");
    await call("checkpoint", { checkpoint_id: "step " + step, state: btoa("done") });
  }
  if (step % 3 === 2) await call("sleep", { checkpoint_id: "nap " + step, duration_ms: step === 5 ? 900 : 150, state: "" });
}
await call("completed", { output: btoa("1") });
`;

it(
  `ends every instance right, and repeats only the step under way, over ${KILLS} kills`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "narun-test-runtara-"));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const world = stack.use(
      await startWorld({
        nodes: 2,
        nodeArguments: ["--runtara-http", "127.0.0.1:0", "--runtara-hold", "400ms"],
      }),
    );
    const random = createRandom(SEED);
    const runtara = await openRuntara({ nats: world.connection });
    const effects = join(folder, "effects");
    const bytes = Buffer.from(programOf(effects));
    const metadata = { narun: { mode: "node" } };
    const image = await runtara.images.register({
      tenant: "acme",
      name: "steps",
      runnerType: "native",
      bytes,
      metadata,
    });
    const ids = Array.from({ length: INSTANCES }, (_, at) => `i${at}`);
    for (const instance of ids) await runtara.start({ tenant: "acme", instance, image: image.id });

    const alive = [...world.nodes];
    for (let kill = 0; kill < KILLS; kill++) {
      // The moment of the kill is a part of the seed.
      await sleep(random.pick([300, 700, 1_100, 1_900]));
      if (kill % 2 === 1) await world.nats.kill9();
      else {
        const at = random.between(0, alive.length - 1);
        await alive[at]?.kill9();
        alive[at] = await world.startNode(`node-${kill + 2}`);
      }
    }
    const runs = new Map<string, number>();
    for (const id of ids) {
      const done = await eventually(
        async () => {
          const record = await runtara.store.read(id);
          if (record.status !== "completed") throw new Error(JSON.stringify(record));
          return record;
        },
        { timeoutMs: 60_000 + KILLS * 5_000 },
      );
      runs.set(id, done.run);
    }
    const lines = (await readFile(effects, "utf8")).trim().split("\n");
    for (const id of ids) {
      const own = lines.filter((line) => line.startsWith(`${id} `));
      expect(new Set(own).size, id).toBe(STEPS);
      // Each run that broke off may have left one effect without its checkpoint.
      expect(own.length - STEPS, id).toBeLessThan(runs.get(id) ?? 0);
    }
  },
  180_000 + KILLS * 15_000,
);
