/** More messages, calls, timers, streams, sockets and log lines than the host takes, and forged messages. */
import { describeHostile, nothing } from "./world.ts";

const cpu = { status: 504, code: "CPU_LIMIT" };
const memory = { status: 502, code: "MEMORY_LIMIT" };
/** Data under way holds memory as well. The speed of both sides decides which of the two limits is met first. */
const either = [cpu, memory];

await describeHostile("a flood of", [
  { tries: "log lines", body: `for (;;) console.log("x".repeat(10_000));`, ends: cpu, log: /^LOG_LIMIT: / },
  {
    tries: "one log line of many megabytes",
    body: `console.log("x".repeat(1 << 23)); throw new Error("went on");`,
    ends: nothing,
  },
  {
    tries: "timers",
    body: `for (;;) setTimeout(() => {}, 1e9);`,
    ends: nothing,
    log: /^TIMER_LIMIT: 100 timers are open, and limits\.timers is 100$/,
    limits: { timers: 100 },
  },
  {
    tries: "timers that are set and cleared",
    body: `for (;;) clearTimeout(setTimeout(() => {}, 1e9));`,
    ends: cpu,
  },
  {
    tries: "intervals that flood in turn",
    body: `for (let at = 0; at < 9_000; at++) setInterval(() => { for (let i = 0; i < 100; i++) clearTimeout(setTimeout(() => {}, 1)); }, 0); await new Promise(() => {});`,
    ends: cpu,
  },
  {
    tries: "calls to the host that nobody waits for",
    body: `for (;;) crypto.subtle.digest("SHA-256", new Uint8Array(1 << 16)).catch(() => {});`,
    ends: either,
  },
  {
    tries: "calls to the host with large arguments",
    body: `const bytes = new Uint8Array(8 << 20); for (let at = 0; at < 50; at++) crypto.subtle.digest("SHA-256", bytes).catch(() => {}); for (;;) await crypto.subtle.digest("SHA-256", bytes).catch(() => {});`,
    ends: either,
  },
  {
    tries: "requests of its own",
    body: `const all = []; for (let at = 0; at < 500; at++) all.push(fetch("http://127.0.0.1:8099/")); await Promise.all(all);`,
    ends: nothing,
    log: /^SUBREQUEST_LIMIT: .*limits\.subrequests is 20$/,
    limits: { subrequests: 20 },
  },
  {
    tries: "streams that are opened and dropped",
    body: `for (;;) fetch("http://127.0.0.1:8099/", { method: "POST", duplex: "half", body: new ReadableStream({}) }).catch(() => {});`,
    ends: either,
  },
  { tries: "work of waitUntil", body: `for (;;) ctx.waitUntil(new Promise(() => {}));`, ends: either },
  {
    tries: "messages between its own ports",
    body: `const { port1, port2 } = new MessageChannel(); port2.onmessage = () => {}; for (;;) port1.postMessage(new Uint8Array(1000));`,
    ends: memory,
  },
  {
    tries: "rejections that nobody handles",
    body: `for (let at = 0; at < 20_000; at++) Promise.reject(new Error("x" + at)); throw new Error("went on");`,
    ends: nothing,
  },
  {
    tries: "random bytes, which the host has to make while it waits",
    body: `for (;;) crypto.getRandomValues(new Uint8Array(65_536));`,
    ends: cpu,
  },
  {
    tries: "listeners and signals",
    body: `const controller = new AbortController(); for (;;) AbortSignal.any([controller.signal, AbortSignal.timeout(1e6)]).addEventListener("abort", () => {});`,
    ends: memory,
    limits: { timers: 1_000 },
  },
  {
    tries: "WebSocket pairs",
    body: `const kept = []; for (;;) { const pair = new WebSocketPair(); pair[0].accept(); pair[1].accept(); pair[0].send("x".repeat(1000)); kept.push(pair); }`,
    ends: memory,
  },
  {
    tries: "decompressed bytes out of a few",
    body: `const packed = await new Response(new Blob([new Uint8Array(1 << 20)]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
      const kept = []; for (;;) kept.push(await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).bytes());`,
    ends: memory,
  },
]);
