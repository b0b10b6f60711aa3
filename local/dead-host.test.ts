import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { identifyProcess, isRunning } from "../machine/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import { createHostLinks } from "./index.ts";
import { recordReplies } from "./testing/record-replies.ts";
import { MACHINE, makeSocketFolder } from "./testing/socket-folder.ts";

const COUNT = 500;

/** In the turn in which the host answers and dies, the gateway reads something else. So its next write fails before it reads. */
it("reads the answers of a host that died, also where a write to it failed before", async () => {
  await using folder = await makeSocketFolder();
  const program = fileURLToPath(new URL("testing/dying-host.ts", import.meta.url));
  const host = spawn(process.execPath, [program, folder.path, MACHINE, String(COUNT)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { pid = 0 } = host;
  await once(host.stdout, "data");
  const identity = identifyProcess(pid);
  const links = createHostLinks({ world: "w", prefix: "x.", peer: "p", warn: () => undefined });
  const link = links.hold({ machine: MACHINE, path: folder.path, number: 0 });
  await eventually(() => expect(link.isOpen).toBe(true));
  const request = { instance: 0, flags: 0, hops: 0, timeoutMs: 1_000, head: "", body: undefined };
  const late = recordReplies();
  host.stdout.on("data", () => {
    process.kill(pid, "SIGUSR2");
    while (isRunning(identity));
    link.request(COUNT + 1, request, late);
  });
  const answered = Array.from({ length: COUNT }, recordReplies);
  for (const [index, replies] of answered.entries()) link.request(index + 1, request, replies);
  expect(await late.over).toEqual([["end"]]);
  const response = [["response", 200, "", "x".repeat(100)]];
  expect(answered.filter(({ events }) => JSON.stringify(events) !== JSON.stringify(response))).toEqual([]);
  links.close();
});
