import { keepCompiledCode } from "./built/compiled-code.ts";
import { growYoungGeneration, holdYoungGeneration } from "./young-generation.ts";

/** The commands that stay. Memory matters more to them than the time of their start. */
const STAYING = ["up", "dev", "gateway", "node"];

const isStaying = process.argv.slice(2).some((arg) => STAYING.includes(arg));
if (isStaying) holdYoungGeneration();
else growYoungGeneration();
keepCompiledCode(isStaying ? "staying" : "passing", process.env);
process.stdout.on("error", endAtClosedPipe);
process.stderr.on("error", endAtClosedPipe);
const { run } = await import("./program.ts");
const exitCode = await run(process.argv.slice(2), process.env);
// The command is done. A socket that the NATS library still dials would keep the process alive for many seconds.
process.stdout.write("", () => process.exit(exitCode));

/** A closed pipe (`narun logs -f | head`) ends a command like SIGTERM, so that `narun up` drains. */
function endAtClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.kill(process.pid, "SIGTERM");
}
