import { enableCompileCache } from "node:module";
import { holdYoungGeneration } from "./young-generation.ts";

holdYoungGeneration();
// Keeps what type stripping and the compiler did for the next start: it halves the time of every command. `bin/narun.cjs`
// has done so already, in the user's own cache folder; this is for whoever starts this file.
enableCompileCache();
process.stdout.on("error", endWhereNobodyReads);
process.stderr.on("error", endWhereNobodyReads);
const { run } = await import("./program.ts");
const exitCode = await run(process.argv.slice(2), process.env);
// All is done and closed. A socket that the NATS library still dials would keep the process for many seconds.
process.stdout.write("", () => process.exit(exitCode));

/** `narun logs -f | head`: a command ends as if it was asked to, and narun up drains. */
function endWhereNobodyReads(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.kill(process.pid, "SIGTERM");
}
