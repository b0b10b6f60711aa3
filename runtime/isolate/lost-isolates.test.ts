import { expect, it } from "vitest";
import { createLostIsolates } from "./lost-isolates.ts";

const never = new Promise<never>(() => undefined);

it("reports an isolate whose call does not end, once, and no other", async () => {
  const watch = createLostIsolates({ tickMs: 2 });
  const reported: string[] = [];
  const last = Promise.withResolvers<void>();
  const open = (name: string, then: () => void = () => undefined) =>
    watch.open(() => {
      reported.push(name);
      then();
    });
  await open("answered").watch(1, Promise.resolve());
  await open("failed")
    .watch(1, Promise.reject(new Error("failed")))
    .catch(() => undefined);
  open("idle");
  open("closed").close();
  const lost = open("lost");
  void lost.watch(1, never);
  // Its thread goes on all the same.
  lost.close();
  // It has more time than the lost one, so that its end comes later.
  void open("patient", last.resolve).watch(50, never);
  await last.promise;
  expect(reported).toEqual(["lost", "patient"]);
});

it("counts the time of a call from the end of the one before", async () => {
  const watch = createLostIsolates({ tickMs: 2 });
  const lost = Promise.withResolvers<void>();
  let isLost = false;
  const busy = watch.open(() => {
    isLost = true;
  });
  void watch.open(lost.resolve).watch(1, never);
  const turns = Array.from({ length: 40 }, () => new Promise<void>((resolve) => setTimeout(resolve, 2)));
  void (async () => {
    for (const turn of turns) await busy.watch(1, turn);
  })();
  await lost.promise;
  expect(isLost).toBe(false);
});
