import { spawn } from "node:child_process";
import { extname, join } from "node:path";

/** Undefined where this machine can run isolates, else the reason: the native package may be missing, or not fit this Node. */
export function checkIsolates(): Promise<string | undefined> {
  const engine = join(import.meta.dirname, `engine${extname(import.meta.filename)}`);
  // A native package that does not fit may end the process that loads it.
  const child = spawn(process.execPath, ["--no-node-snapshot", engine], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {},
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(undefined);
      const reason = /^(?:\w*Error.*|.*ERR_.*)$/m.exec(stderr)?.[0];
      resolve(reason ?? `it ended with ${signal ?? code}`);
    });
  });
}
