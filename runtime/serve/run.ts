/**
 * A plain HTTP server of any language as a consumer.
 *
 * It ends in this order, so that no request is lost: the consumer drains; the program gets SIGTERM, and SIGKILL after the grace,
 * with all of its process group. A program that ends by itself takes the consumer along.
 */
import { type AddressInfo, createServer } from "node:net";
import { messageOf } from "../../contracts/index.ts";
import type { ServedConsumer, ServeOptions } from "../../functions/sdk/index.ts";
import type { NatsTransport } from "../../nats/index.ts";
import type { FunctionLog } from "../instance/function-logs.ts";
import { resolveConsumer } from "./options.ts";
import { type ProgramEnd, startProgram, untilAccepting } from "./program.ts";
import { createProxy } from "./proxy.ts";
import { serveAs } from "./serve.ts";

export interface RunOptions
  extends Pick<
    ServeOptions,
    "service" | "nats" | "version" | "routes" | "concurrency" | "metrics" | "traces"
  > {
  command: readonly [string, ...string[]];
  /** The program's environment. `PORT` and `NARUN_SERVICE` are added. */
  env: Readonly<Record<string, string | undefined>>;
  /** The port that it listens on. Default: a free one. */
  port?: number | undefined;
  /** How long it may take until it accepts connections. */
  startMs: number;
  transport: NatsTransport;
  onWarning(message: string): void;
}

export interface RunningProgram {
  readonly consumer: ServedConsumer;
  readonly pid: number;
  readonly port: number;
  /** Resolves when the program has ended by itself, and the consumer with it. */
  readonly ended: Promise<ProgramEnd>;
  /** Drains the consumer, and ends the program. */
  stop(options: { graceMs: number }): Promise<ProgramEnd>;
}

/** How long the program may take to end after SIGTERM: its requests are finished by then. */
const STOP_GRACE_MS = 10_000;
/** Upper bound of the lines that are kept until the consumer has a log. */
const MAX_EARLY_LINES = 1_000;

/** Starts a program, and serves when it accepts connections. Errors: PROGRAM_FAILED, and the errors of `serve`. */
export async function runAsService(options: RunOptions): Promise<RunningProgram> {
  const { command, env, startMs, onWarning, transport, ...rest } = options;
  const { port = await findFreePort(), ...consumerOptions } = rest;
  // Wrong options are told before a program runs.
  resolveConsumer(consumerOptions);
  const lines = createLines();
  const program = await startProgram({
    command,
    env: { ...env, PORT: String(port), NARUN_SERVICE: options.service },
    onLine: lines.take,
  });
  try {
    const host = await untilAccepting(program, port, startMs);
    const proxy = createProxy({
      ...{ service: options.service, host, port },
      onError: (error, id) => onWarning(`request ${id}: the program did not answer: ${messageOf(error)}`),
    });
    const consumer = await serveAs(
      { mode: "run", transport, onLog: lines.open },
      (request, _env, context) => proxy.handle(request, context),
      {
        ...consumerOptions,
        signals: false,
        onWarning,
      },
    );
    const end = (graceMs: number) => consumer.close({ graceMs }).finally(() => proxy.close());
    return {
      ...{ consumer, port, pid: program.pid },
      ended: program.ended.then(async (how) => {
        // Its open requests cannot be answered any more.
        await end(0);
        return how;
      }),
      async stop({ graceMs }) {
        await end(graceMs);
        return program.stop({ graceMs: STOP_GRACE_MS });
      },
    };
  } catch (error) {
    await program.stop({ graceMs: STOP_GRACE_MS });
    throw error;
  }
}

/** The program's lines, kept until there is a log. */
function createLines() {
  let early: [level: string, line: string][] = [];
  let log: FunctionLog | undefined;
  return {
    take(stream: "stdout" | "stderr", line: string): void {
      const level = stream === "stdout" ? "info" : "warn";
      if (log !== undefined) log.write(level, line, undefined);
      else if (early.length < MAX_EARLY_LINES) early.push([level, line]);
    },
    open(opened: FunctionLog): void {
      log = opened;
      for (const [level, line] of early) log.write(level, line, undefined);
      early = [];
    },
  };
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
