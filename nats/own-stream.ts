/**
 * Streams that narun uses as it finds them: an operator's change stays where narun can work with it, and is named
 * where it cannot.
 */
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import { NarunError } from "../contracts/index.ts";
import { hasJetStreamCode, isStreamMissing, JetStreamCode } from "./jetstream-errors.ts";

/** The configuration that narun needs of a stream. */
export interface StreamNeeds {
  stream: string;
  /** The stream stores all of these. */
  subjects: readonly string[];
  /** Flags that have to be set. */
  flags?: readonly ("allow_direct" | "allow_rollup_hdrs")[];
  /** Default: limits. */
  retention?: "limits" | "workqueue";
}

/**
 * Opens a stream: `open` uses it as it is, or makes it where it is missing. `found`: opens an existing one in place of `open`, which
 * would ask for it again. Error: STREAM_UNFIT.
 */
export async function openOwnStream<T>(
  manager: JetStreamManager,
  needs: StreamNeeds,
  open: () => Promise<T>,
  found?: (config: StreamConfig) => Promise<T> | T,
): Promise<T> {
  const there = found && (await configOf(manager, needs.stream));
  if (found !== undefined && there !== undefined) {
    requireFit(there, needs);
    return found(there);
  }
  const opened = await open().catch((error: unknown) => {
    // Another process has made it at this moment with another configuration: it is used as it is.
    if (hasJetStreamCode(error, JetStreamCode.streamNameInUse))
      return found === undefined ? open() : openOwnStream(manager, needs, open, found);
    if (hasJetStreamCode(error, JetStreamCode.subjectsOverlap)) return refuseOverlap(manager, needs);
    throw error;
  });
  const { config } = await manager.streams.info(needs.stream);
  requireFit(config, needs);
  return opened;
}

/** Makes a stream where it is missing, by `make`. Error: STREAM_UNFIT. */
export async function makeOwnStream(
  manager: JetStreamManager,
  needs: StreamNeeds,
  make: () => Promise<unknown>,
): Promise<void> {
  await openOwnStream(manager, needs, make, () => undefined);
}

/** Undefined where the stream is missing. */
async function configOf(manager: JetStreamManager, stream: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(stream)).config;
  } catch (error) {
    if (isStreamMissing(error)) return undefined;
    throw error;
  }
}

function requireFit(config: StreamConfig, needs: StreamNeeds): void {
  const misfit = findMisfit(config, needs);
  if (misfit !== undefined) throw unfit(`stream ${needs.stream}: ${misfit}`, needs.stream);
}

/** The first field that narun cannot work with: its value, the value that is needed, and how to change it. */
function findMisfit(config: StreamConfig, needs: StreamNeeds): string | undefined {
  const { stream, subjects, flags = [], retention = "limits" } = needs;
  const edit = (option: string) => `\`nats stream edit ${stream} ${option}\``;
  const anew = `it cannot be changed: \`nats stream rm ${stream}\`, and narun makes it anew`;
  if (config.mirror !== undefined)
    return `mirror is ${config.mirror.name}, and narun needs a stream to write to; ${anew}`;
  if (config.sealed === true) return `sealed is true, and narun writes to it; ${anew}`;
  const stored = config.subjects ?? [];
  const missing = subjects.find((subject) => !stored.some((pattern) => covers(pattern, subject)));
  if (missing !== undefined) {
    const all = [...stored, ...subjects.filter((subject) => !stored.includes(subject))];
    const list = all.map((subject) => `'${subject}'`).join(",");
    return `subjects is ${JSON.stringify(stored)}, and narun needs ${missing}; ${edit(`--subjects ${list}`)}`;
  }
  if (config.retention !== undefined && config.retention !== retention)
    return `retention is ${config.retention}, and narun needs ${retention}; ${anew}`;
  if (config.no_ack === true) return `no_ack is true, and narun waits for acks; ${edit("--ack")}`;
  const flag = flags.find((name) => config[name] !== true);
  if (flag !== undefined) return `${flag} is false, and narun needs it; ${edit(OPTIONS[flag])}`;
  return undefined;
}

const OPTIONS = { allow_direct: "--allow-direct", allow_rollup_hdrs: "--allow-rollup" } as const;

/** Whether a pattern of subjects covers a second one. */
function covers(pattern: string, subject: string): boolean {
  const [wide, narrow] = [pattern.split("."), subject.split(".")];
  for (const [index, token] of wide.entries()) {
    const other = narrow[index];
    if (other === undefined) return false;
    if (token === ">") return true;
    if (token === "*" ? other === ">" : token !== other) return false;
  }
  return wide.length === narrow.length;
}

async function refuseOverlap(manager: JetStreamManager, { stream, subjects }: StreamNeeds): Promise<never> {
  const others = new Set<string>();
  for (const subject of subjects) for await (const name of manager.streams.names(subject)) others.add(name);
  const taken = [...others].join(", ");
  throw unfit(
    `stream ${stream}: its subjects ${subjects.join(", ")} belong to ${taken} already; remove them there (\`nats stream edit ${[...others][0]} --subjects …\`)`,
    stream,
  );
}

function unfit(detail: string, stream: string): NarunError {
  return new NarunError("STREAM_UNFIT", { detail, stream });
}
