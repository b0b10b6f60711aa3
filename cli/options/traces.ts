/** Options of traces, for the gateway and the node-runner. OpenTelemetry's own exporters read the same variables. */
import type { Logger } from "pino";
import {
  type ClosableTraces,
  SAMPLERS,
  startTraces,
  type TracesOptions,
  takesNone,
} from "../../traces/index.ts";
import { version } from "../version.ts";
import { type GivenText, value } from "./option.ts";
import type { Values } from "./resolve.ts";
import { oneOf, wrongValue } from "./values.ts";

const otlp = value({
  flag: "--otlp <url>",
  variables: ["OTEL_EXPORTER_OTLP_ENDPOINT"],
  help: "collector of OpenTelemetry for traces, over HTTP: http://HOST:4318",
  fallbackHelp: "no spans are made",
  parse: parseCollector,
});

const otlpHeaders = value({
  variables: ["OTEL_EXPORTER_OTLP_HEADERS"],
  help: "header fields for the collector: key=value, separated by commas",
  show: () => "(hidden)",
  parse: parseHeaders,
});

const traceSampler = value({
  flag: "--trace-sampler <name>",
  variables: ["OTEL_TRACES_SAMPLER"],
  help: `the traces that are recorded: ${SAMPLERS.join(", ")}`,
  fallback: "parentbased_always_on",
  parse: oneOf(SAMPLERS),
});

const traceRatio = value({
  flag: "--trace-ratio <number>",
  variables: ["OTEL_TRACES_SAMPLER_ARG"],
  help: "the part of the traces that a sampler by ratio takes, from 0 to 1",
  fallback: "1",
  parse: parseRatio,
});

/** The options, by the names under which commands read them. */
export const traceOptions = { otlp, otlpHeaders, traceSampler, traceRatio };

/** The options that other processes get by their command lines. The headers are in the environment only. */
export const traceFlags = { otlp, traceSampler, traceRatio };

/** Undefined: no spans are made. A sampler that never takes a trace costs what no collector costs: nothing. */
export function tracesOf({
  otlp: url,
  otlpHeaders: headers = {},
  traceSampler: sampler,
  traceRatio: ratio,
}: Values<typeof traceOptions>): TracesOptions | undefined {
  if (url === undefined || takesNone(sampler, ratio)) return undefined;
  return { url, headers, sampler, ratio };
}

/** Begins to export spans, where the user names a collector. `attributes`: of the resource of each span. */
export async function tracesFrom(
  options: Values<typeof traceOptions>,
  attributes: Readonly<Record<string, string>>,
  log: Logger,
): Promise<ClosableTraces | undefined> {
  const exported = tracesOf(options);
  if (exported === undefined) return undefined;
  return startTraces(exported, { attributes: { ...attributes, "service.version": version }, log });
}

function parseCollector(given: GivenText): string {
  const url = URL.parse(given.text);
  if (url !== null && /^https?:$/.test(url.protocol)) return given.text;
  throw wrongValue(given, "an address of HTTP, such as http://127.0.0.1:4318");
}

function parseRatio(given: GivenText): number {
  const ratio = /^\d*\.?\d+$/.test(given.text) ? Number(given.text) : Number.NaN;
  if (ratio >= 0 && ratio <= 1) return ratio;
  throw wrongValue(given, "a number from 0 to 1");
}

const NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

/** Keys and values are percent-encoded, as in `baggage`. */
function parseHeaders({ text, source }: GivenText): Record<string, string> {
  const pairs = text
    .split(",")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "");
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      const name = pair.slice(0, Math.max(0, at)).trim();
      const value = decoded(pair.slice(at + 1).trim());
      // The value may be a key, so that the fault does not show it.
      if (!NAME.test(name) || value === undefined)
        throw wrongValue({ text: name, source }, "KEY=VALUE,KEY=VALUE");
      return [name, value];
    }),
  );
}

function decoded(text: string): string | undefined {
  try {
    const value = decodeURIComponent(text);
    return /^[\t\u0020-\u007e]*$/.test(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
