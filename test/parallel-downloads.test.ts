/** Objects that are read at the same time share their host's connection to NATS with all its other traffic. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildFunction } from "../builder/index.ts";
import { pushBuild } from "../control/index.ts";
import { startWorld, type World } from "./harness/world.ts";

const EXAMPLES = join(import.meta.dirname, "../functions/examples");

let world: World;
beforeAll(async () => {
  world = await startWorld();
  for (const name of ["files", "hello"])
    await pushBuild(world.connection, await buildFunction(join(EXAMPLES, name), { write: false }));
});
afterAll(() => world[Symbol.asyncDispose]());

/** A client that calls one request after the other. Returns how many answers were right. */
async function ask(path: string, isRight: (body: Buffer) => boolean, times: number): Promise<number> {
  let right = 0;
  for (let at = 0; at < times; at++) {
    const response = await world.fetch(path, { signal: AbortSignal.timeout(20_000) });
    if (response.status === 200 && isRight(Buffer.from(await response.arrayBuffer()))) right += 1;
  }
  return right;
}

it("answers a dozen downloads at once, and the function beside them", async () => {
  const body = randomBytes(7_000);
  const put = await world.fetch("/files/seven", { method: "PUT", body });
  expect(put.status).toBe(201);
  const answers = await Promise.all([
    ...Array.from({ length: 12 }, () => ask("/files/seven", (read) => body.equals(read), 50)),
    ...Array.from({ length: 4 }, () => ask("/hello/Ada", (read) => read.includes("Ada"), 50)),
  ]);
  expect(answers).toEqual(answers.map(() => 50));
});
