import type { LogLevel } from "../../../contracts/index.ts";
import type { EndFacts } from "../../host.ts";
import type { FunctionLog } from "../../instance/function-logs.ts";
import type { Child, ChildEnd } from "./child.ts";
import { readLines } from "./output-lines.ts";

/** How many lines that a program printed before it failed are told. */
const MAX_LAST_LINES = 20;
/** How long the last output of a program that has ended may take. */
const LAST_LINES_MS = 500;
/** The words of a launcher that could not start the program. */
const LAUNCHER_FAILED = /^(?:(?:setpriv|prlimit|bwrap): |.*sh: .*cgroup\.procs)/;
/** The exit codes of launchers that could not start the program. */
const LAUNCHER_CODES = new Set<number | null>([1, 2, 126, 127]);

/** A program's output: its log, and the last lines of its start, which tell why it failed. */
export class ProgramOutput {
  readonly #log: FunctionLog;
  readonly #isStarting: () => boolean;
  readonly #lastLines: string[] = [];

  constructor(log: FunctionLog, isStarting: () => boolean) {
    this.#log = log;
    this.#isStarting = isStarting;
  }

  /** Reads all of it. Resolves when the program has ended and its last lines were read. */
  async follow({ stdout, stderr, ended }: Child): Promise<ChildEnd> {
    const note = (level: LogLevel, stream: "stdout" | "stderr") => (line: string) => {
      this.#log.write(level, line, undefined, stream);
      if (!this.#isStarting()) return;
      this.#lastLines.push(line);
      if (this.#lastLines.length > MAX_LAST_LINES) this.#lastLines.shift();
    };
    const read = Promise.all([
      readLines(stdout, note("info", "stdout")),
      readLines(stderr, note("warn", "stderr")),
    ]);
    const end = await ended;
    await Promise.race([read, new Promise((resolve) => setTimeout(resolve, LAST_LINES_MS))]);
    return end;
  }

  /** The words of a launcher that could not start the program; undefined where it did. */
  launcherFault({ exitCode }: ChildEnd): string | undefined {
    if (!LAUNCHER_CODES.has(exitCode)) return undefined;
    return this.#lastLines.find((line) => LAUNCHER_FAILED.test(line));
  }

  get lastLines(): string {
    return this.#lastLines.join("\n");
  }
}

export function describeEnd({ exitCode, signal }: ChildEnd): string {
  return signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`;
}

export function factsOf(end: ChildEnd): EndFacts {
  return { exitCode: end.exitCode ?? -1, why: describeEnd(end) };
}
