import { spawn } from "node:child_process";

/**
 * Waits for the end of its input, which is the end of the process that holds the other end of the pipe. Signals of a terminal go
 * to the process that it watches for.
 */
const WATCHER = `trap "" INT TERM HUP; read -r _; kill -s TERM -- "-$0"; sleep 5; kill -s KILL -- "-$0"`;

/**
 * Ties a process group to this process: where this one ends without a word, as by SIGKILL, the group gets SIGTERM, and SIGKILL
 * five seconds later. Returns a function that unties it, and resolves when that is done. A watcher on a pipe does it, as no other way ends a whole group on
 * every system.
 */
export function tieGroup(group: number): () => Promise<void> {
  const watcher = spawn("/bin/sh", ["-c", WATCHER, String(group)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: {},
  });
  const over = new Promise<void>((resolve) => {
    // Without a shell the group is not tied.
    watcher.once("exit", () => resolve()).once("error", () => resolve());
  });
  watcher.stdin.on("error", () => undefined);
  watcher.unref();
  return () => {
    watcher.kill("SIGKILL");
    return over;
  };
}
