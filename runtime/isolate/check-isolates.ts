import { extname, join } from "node:path";
import { runProgram } from "../../machine/index.ts";

/** How long loading the native package may take, on a loaded machine too. */
const MAX_CHECK_MS = 60_000;

/** Undefined where this machine can run isolates, else the reason: the native package may be missing, or not fit this Node. */
export async function checkIsolates(): Promise<string | undefined> {
  const engine = join(import.meta.dirname, `engine${extname(import.meta.filename)}`);
  // A native package that does not fit may end the process that loads it.
  const result = await runProgram(process.execPath, ["--no-node-snapshot", engine], {
    env: {},
    timeoutMs: MAX_CHECK_MS,
  });
  if (result.outcome === "ok") return undefined;
  return /^(?:\w*Error.*|.*ERR_.*)$/m.exec(result.stderr)?.[0] ?? result.reason;
}
