/** A client of `/events/<subject>`: Server-Sent Events by the rules of the standard, with a reconnection where it is asked for. */
import { eventually } from "./eventually.ts";

export interface EventReaderOptions {
  /** The base URL of a gateway. It is asked again for each connection. */
  base: () => string;
  headers?: Record<string, string>;
  /** It connects again behind its last id, as `EventSource` does. */
  isFaithful?: boolean;
}

export interface FoundEvents {
  readonly values: unknown[];
  readonly ids: number[];
  readonly gaps: unknown[];
  readonly lastId: string;
  readonly hasEnded: boolean;
  readonly response: Response;
  stop(): void;
}

/** Resolves when the reader has a place: every later event reaches it. */
export async function readEvents(path: string, options: EventReaderOptions): Promise<FoundEvents> {
  const end = new AbortController();
  const connect = (lastId: string) =>
    fetch(options.base() + path, {
      headers: { ...options.headers, ...(lastId === "" ? {} : { "last-event-id": lastId }) },
      signal: end.signal,
    });
  const response = await connect("");
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  const found = {
    values: [] as unknown[],
    ids: [] as number[],
    gaps: [] as unknown[],
    lastId: "",
    hasEnded: false,
  };
  const run = async () => {
    let body: ReadableStream<Uint8Array> | null = response.body;
    for (;;) {
      await readBody(body, found).catch(() => undefined);
      if (options.isFaithful !== true || end.signal.aborted) return;
      const next = await eventually(() => connect(found.lastId), { timeoutMs: 60_000 });
      body = next.status === 200 ? next.body : null;
    }
  };
  void run()
    .catch(() => undefined)
    .finally(() => {
      found.hasEnded = true;
    });
  await eventually(
    () => {
      if (found.lastId === "") throw new Error("the reader has no place yet");
    },
    { timeoutMs: 30_000 },
  );
  return Object.assign(found, { response, stop: () => end.abort() });
}

interface Found {
  values: unknown[];
  ids: number[];
  gaps: unknown[];
  lastId: string;
}

async function readBody(body: ReadableStream<Uint8Array> | null, found: Found): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body ?? []) {
    const blocks = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) take(block, found);
  }
}

function take(block: string, found: Found): void {
  const fields = block.split("\n").filter((line) => !line.startsWith(":"));
  const of = (name: string) => fields.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  found.lastId = of("id") ?? found.lastId;
  const data = of("data");
  if (data === undefined) return;
  const body = JSON.parse(data);
  if (of("event") === "gap") found.gaps.push(body);
  else {
    found.values.push(body.value);
    found.ids.push(body.id);
  }
}
