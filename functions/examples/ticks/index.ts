import type { Handler } from "narun";

/** Server-sent events: `/ticks?count=5` sends the time each second, five times. Without `count` it has no end. */
export const GET: Handler = (request) => {
  const count = Number(new URL(request.url).searchParams.get("count") ?? Number.POSITIVE_INFINITY);
  return new Response(ReadableStream.from(ticks(count, request.signal)), {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
};

/** Code behind the last `yield` runs after the listener has left, too. */
async function* ticks(count: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let id = 1; id <= count && !signal.aborted; id++) {
    yield encoder.encode(`id: ${id}\ndata: ${new Date().toISOString()}\n\n`);
    if (id < count) await seconds(1, signal);
  }
}

function seconds(count: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, count * 1_000);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}
