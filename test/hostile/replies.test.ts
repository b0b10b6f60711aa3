/** Answers, errors and omissions of a handler that could harm the reader of its answer. */
import { broken, describeHostile, nothing } from "./world.ts";

const loop = `for (;;);`;
const cpu = { status: 504, code: "CPU_LIMIT" };
const late = { status: 504, code: "DEADLINE_EXCEEDED" };

await describeHostile("an answer with", [
  {
    tries: "a status whose valueOf loops for ever",
    body: `return new Response("x", { status: { valueOf() { ${loop} } } });`,
    ends: cpu,
  },
  { tries: "a status that is no status", body: `return new Response("x", { status: 7 });`, ends: nothing },
  {
    tries: "an init whose getters throw",
    body: `return new Response("x", { get status() { throw new Error("getter"); } });`,
    ends: nothing,
  },
  {
    tries: "headers whose iterator never ends",
    body: `return new Response("x", { headers: { *[Symbol.iterator]() { for (let at = 0; ; at++) yield ["x" + at, "y"]; } } });`,
    ends: { status: 502, code: "MEMORY_LIMIT" },
    limits: { memoryMb: 16 },
  },
  {
    tries: "a proxy for headers, whose traps loop",
    body: `return new Response("x", { headers: new Proxy({}, { ownKeys() { ${loop} } }) });`,
    ends: cpu,
  },
  {
    tries: "a proxy in the place of the response, which throws when it is asked what it is",
    body: `return new Proxy(new Response("x"), { get() { throw new Error("trap"); }, getPrototypeOf() { throw new Error("trap"); }, has() { throw new Error("trap"); } });`,
    ends: nothing,
  },
  {
    tries: "a class derived from Response, whose getters loop for ever when the host's platform reads them",
    body: `return new (class extends Response { get status() { ${loop} } get headers() { ${loop} } get body() { ${loop} } })("x");`,
    ends: { status: 200, text: "x" },
  },
  {
    tries: "an object that says it is a response",
    body: `return Object.setPrototypeOf({ status: 200, headers: new Headers(), body: null }, Response.prototype);`,
    ends: { status: 500, code: "HANDLER_RETURNED_NO_RESPONSE" },
  },
  {
    tries: "a thenable whose then getter loops for ever",
    body: `return { get then() { ${loop} } };`,
    ends: cpu,
  },
  {
    tries: "a thenable that never settles",
    body: `return { then() {} };`,
    ends: late,
    limits: { timeoutMs: 700 },
  },
  {
    tries: "a thenable that settles twice, and throws then",
    body: `return { then(resolve, reject) { resolve(new Response("first")); resolve(new Response("second")); reject(new Error("third")); throw new Error("fourth"); } };`,
    ends: { status: 200, text: "first" },
  },
  {
    tries: "a thenable that resolves with itself",
    body: `const one = { then(resolve) { resolve(one); } }; return one;`,
    ends: cpu,
  },
  {
    tries: "toJSON that loops for ever",
    body: `return Response.json({ toJSON() { ${loop} } });`,
    ends: cpu,
  },
  {
    tries: "toJSON that calls itself without end",
    body: `return Response.json({ toJSON() { return { a: this.toJSON() }; } });`,
    ends: nothing,
  },
  {
    tries: "header values with line feeds, to add fields of its own",
    body: `return new Response("x", { headers: { a: "b\\r\\nset-cookie: stolen=1" } });`,
    ends: nothing,
  },
  {
    tries: "header fields that only the boundary's separator tells apart",
    body: `const headers = new Headers(); Headers.prototype.append.call(headers, "a", "b\\nnarun-error\\nINTERNAL"); return new Response("x", { headers });`,
    ends: nothing,
  },
  {
    tries: "a megabyte of header fields",
    body: `return new Response("x", { headers: { a: "y".repeat(1 << 20) } });`,
    ends: { status: 502, code: "RESPONSE_TOO_LARGE" },
  },
  {
    tries: "a hundred thousand header fields",
    body: `const headers = new Headers(); for (let at = 0; at < 100_000; at++) headers.append("x-" + at, "y"); return new Response("x", { headers });`,
    ends: { status: 502, code: "RESPONSE_TOO_LARGE" },
    limits: { memoryMb: 128 },
  },
  {
    tries: "header fields that narun keeps for itself",
    body: `return new Response("x", { headers: { "narun-error": "INTERNAL", "nats-service-error-code": "500", "x-response-status-code": "404" } });`,
    ends: { status: 200, text: "x" },
  },
  {
    tries: "a WebSocket for a request that did not ask for one",
    body: `const { 0: client } = new WebSocketPair(); return new Response(null, { status: 101, webSocket: client });`,
    ends: { status: 502, code: "BAD_REPLY" },
  },
  {
    tries: "a body whose pull loops for ever",
    body: `return new Response(new ReadableStream({ pull() { ${loop} } }, { highWaterMark: 0 }));`,
    ends: broken,
    limits: { cpuMs: 300 },
  },
  {
    tries: "a body of things that are no bytes",
    body: `return new Response(new ReadableStream({ start(controller) { controller.enqueue({ length: 1e9 }); controller.close(); } }));`,
    ends: broken,
  },
  {
    tries: "an error whose stack getter loops for ever",
    body: `const error = new Error("x"); Object.defineProperty(error, "stack", { get() { ${loop} } }); throw error;`,
    ends: cpu,
  },
  {
    tries: "an error with a stack and a message of many megabytes",
    body: `const error = new Error("y".repeat(1 << 22)); error.stack = "z".repeat(1 << 22); throw error;`,
    ends: nothing,
  },
  {
    tries: "an error that is its own cause, in an aggregate of itself",
    body: `const error = new AggregateError([]); error.errors = new Array(1e5).fill(error); error.cause = error; throw error;`,
    ends: nothing,
  },
  {
    tries: "a proxy that is thrown, and whose traps throw",
    body: `throw new Proxy(new Error("x"), { get() { throw new Error("trap"); }, getPrototypeOf() { throw new Error("trap"); } });`,
    ends: nothing,
  },
  { tries: "null, thrown", body: `throw null;`, ends: nothing },
  {
    tries: "a rejection with an object without a prototype that throws when it becomes text",
    body: `return Promise.reject(Object.assign(Object.create(null), { toString() { throw new Error("text"); } }));`,
    ends: nothing,
  },
]);
