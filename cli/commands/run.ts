import { constants } from "node:os";
import { type ProgramEnd, runAsService } from "../../runtime/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { resolveNats } from "../options/nats-access.ts";
import { asText, type GivenText, list, value } from "../options/option.ts";
import { traceOptions } from "../options/traces.ts";
import { wrongUse, wrongValue } from "../options/values.ts";
import { untilStopped } from "../until-stopped.ts";

/** How long requests may go on after a signal. */
const GRACE_MS = 30_000;
const DEFAULT_START_SECONDS = 30;
const MAX_PORT = 65_535;

const runOptions = {
  service: value({ flag: "--service <name>", help: "the name of the service", parse: asText }),
  route: list({
    flag: "--route <path>",
    help: "a path that gateways send here, /exact or /prefix/*; may be given more than once",
    fallbackHelp: "/NAME and all paths below it",
    parse: (texts) => [...texts],
  }),
  concurrency: value({
    flag: "--concurrency <n>",
    help: "requests that the program gets at a time",
    fallbackHelp: "50",
    parse: wholeNumber(1, 10_000),
  }),
  serviceVersion: value({ flag: "--service-version <semver>", help: "the service's version", parse: asText }),
  port: value({
    flag: "--port <n>",
    help: "the port of a program that does not read PORT",
    fallbackHelp: "a free one",
    parse: wholeNumber(1, MAX_PORT),
  }),
  startSeconds: value({
    flag: "--start-seconds <n>",
    help: "how long the program may take until it accepts connections",
    fallback: String(DEFAULT_START_SECONDS),
    parse: wholeNumber(1, 3_600),
  }),
  // The gateway decides which traces are recorded.
  otlp: traceOptions.otlp,
  otlpHeaders: traceOptions.otlpHeaders,
};

export const runCommand = defineCommand({
  usage: "run [command...]",
  says: "run a plain HTTP server as a service: it listens on PORT",
  options: runOptions,
  examples: [
    ["narun run --service api -- python3 server.py", "requests to /api and below go to the program"],
    ["narun run --service shop --route '/shop/*' --port 3000 -- ./shop", "a program with a port of its own"],
  ],
  async run({ command }, { options, settings, environment, output }) {
    const { service, route, concurrency, serviceVersion, port, startSeconds, otlp, otlpHeaders } = options;
    if (service === undefined) throw wrongUse("run needs --service NAME");
    const [file, ...args] = command;
    if (file === undefined) throw wrongUse("run needs a command: narun run --service NAME -- COMMAND");
    const { url, login, transport } = resolveNats(settings);
    const { stopped } = untilStopped();
    const running = await runAsService({
      service,
      nats: { ...login, ...(url === undefined ? {} : { url }) },
      ...(route.length === 0 ? {} : { routes: route }),
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(otlp === undefined ? {} : { traces: { url: otlp, headers: otlpHeaders ?? {} } }),
      ...(serviceVersion === undefined ? {} : { version: serviceVersion }),
      ...{ command: [file, ...args], env: environment, port, startMs: startSeconds * 1_000, transport },
      onWarning: (message) => output.note(`narun: ${message}`),
    }).catch((error: unknown) => {
      if (error instanceof TypeError) throw wrongUse(error.message.replace(/^serve: /, ""));
      throw error;
    });
    const { pid, port: own } = running;
    if (output.isJson) output.json({ service, instance: running.consumer.instance, pid, port: own });
    else output.note(`narun: ${service} answers; the program (pid ${pid}) listens on port ${own}`);
    const end = await Promise.race([running.ended, stopped.then(() => running.stop({ graceMs: GRACE_MS }))]);
    process.exitCode = exitCodeOf(end);
  },
});

/** As a shell has it: 128 and the number of the signal. A program that SIGTERM has ended was asked to. */
function exitCodeOf({ code, signal, isStopped }: ProgramEnd): number {
  if (signal === null) return code ?? 1;
  if (isStopped && signal === "SIGTERM") return 0;
  return 128 + constants.signals[signal];
}

function wholeNumber(min: number, max: number): (given: GivenText) => number {
  return (given) => {
    const number = /^\d{1,6}$/.test(given.text) ? Number(given.text) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw wrongValue(given, `a whole number from ${min} to ${max}`);
  };
}
