/**
 * A host process whose runner dies within one turn of its loop, and that sends a message before Node has reported the closed
 * channel: `node orphaned-host.ts FILE`. The first process is the runner; it forks itself as the host and is killed.
 * The host writes its further course to FILE. Its drain has no end.
 */
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { endAfterRunner, send } from "../isolate/process/runner-channel.ts";

const [, script = "", file = ""] = process.argv;

if (process.send === undefined) {
  fork(script, [file]).on("message", () => process.kill(process.pid, "SIGKILL"));
} else {
  const runner = process.ppid;
  process.on("disconnect", () => writeFileSync(file, String(process.pid)));
  // Holds the process, as its connection to NATS does.
  setInterval(() => undefined, 60_000);
  endAfterRunner(() => new Promise(() => undefined), { graceMs: 10, lostAfterMs: 300 });
  setTimeout(() => {
    while (process.ppid === runner);
    for (let count = 0; count < 10; count += 1) void send({ type: "idle", instance: "i" });
  });
  void send({ type: "up" });
}
