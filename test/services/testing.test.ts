/** A service in the tests of its author, by `narun/testing`. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { startFunctions } from "../../functions/sdk/testing.ts";

it("runs whole, with its actions and its store", async () => {
  await using running = await startFunctions(join(import.meta.dirname, "../../functions/examples/library"));
  const put = await running.fetch("/library/moby", { method: "PUT", body: '{"title":"Moby-Dick"}' });
  expect(await put.json()).toEqual({ id: "moby", title: "Moby-Dick" });
  const lost = await running.fetch("/library.get?id=none");
  expect([lost.status, await lost.json()]).toMatchObject([
    404,
    { error: { name: "BookNotFound", data: { id: "none" } } },
  ]);
}, 90_000);
