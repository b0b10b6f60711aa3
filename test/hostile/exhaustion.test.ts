/** Time, memory and stack, exhausted in unexpected places. */
import { describeHostile, nothing } from "./world.ts";

const cpu = { status: 504, code: "CPU_LIMIT" };
const memory = { status: 502, code: "MEMORY_LIMIT" };
const loop = `for (;;);`;

/** A module whose function `f` loops for ever. */
const LOOPING_WASM = `new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11])`;
/** A module that grows its own memory, which it does not export, by 8 MiB at a time, and writes to it. */
const GROWING_WASM = `new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,5,3,1,0,1,7,5,1,1,102,0,0,10,27,1,25,0,3,64,65,128,1,64,0,26,65,0,65,1,63,0,65,16,116,252,11,0,12,0,11,11])`;

await describeHostile("a function that", [
  {
    tries: "loops in a catastrophic regular expression",
    body: `/^(a+)+$/.test("a".repeat(40) + "b");`,
    ends: cpu,
  },
  {
    tries: "loops in WebAssembly",
    body: `new WebAssembly.Instance(new WebAssembly.Module(${LOOPING_WASM})).exports.f();`,
    ends: cpu,
  },
  {
    tries: "loops in the import of a module that starts",
    body: `new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,2,7,1,1,97,1,98,0,0,8,1,0])), { a: { b() { ${loop} } } });`,
    ends: cpu,
  },
  {
    tries: "loops in a finalizer, and keeps the collector busy",
    body: `const registry = new FinalizationRegistry(() => { ${loop} }); for (let at = 0; at < 1e4; at++) registry.register({}, at);
      for (let at = 0; at < 40; at++) { new Uint8Array(1 << 20); await new Promise((done) => setTimeout(done, 1)); } await new Promise((done) => setTimeout(done, 20)); throw new Error("went on");`,
    ends: cpu,
  },
  {
    tries: "loops when a weak reference is gone",
    body: `const kept = new WeakRef({}); while (kept.deref() !== 0);`,
    ends: cpu,
  },
  {
    tries: "loops in a getter that console.log reads",
    body: `console.log("%o", { get a() { ${loop} }, [Symbol.for("nodejs.util.inspect.custom")]() { ${loop} }, [Symbol.toStringTag]: { toString() { ${loop} } } }); new Intl.DateTimeFormat(new Proxy([], { get() { ${loop} } }));`,
    ends: cpu,
  },
  {
    tries: "loops in an event listener",
    body: `const target = new EventTarget(); target.addEventListener("x", () => { ${loop} }); target.dispatchEvent(new Event("x"));`,
    ends: cpu,
  },
  {
    tries: "loops in a listener that hears of its client's deadline",
    body: `ctx.signal.addEventListener("abort", () => { ${loop} }); await new Promise(() => {});`,
    ends: { status: 504, code: "DEADLINE_EXCEEDED" },
    // Bounds the loop after its request has ended: it must take no core from the following cases.
    limits: { timeoutMs: 500, cpuMs: 1_000 },
  },
  {
    tries: "loops in structuredClone of a getter",
    body: `structuredClone({ get a() { ${loop} } });`,
    ends: cpu,
  },
  {
    tries: "loops in a sort whose order changes its mind",
    body: `const list = Array.from({ length: 1000 }, (_, at) => at); for (;;) list.sort(() => Math.random() - 0.5);`,
    ends: cpu,
  },
  {
    tries: "loops in generators that yield to each other",
    body: `function* a() { for (;;) yield* b(); } function* b() { yield 1; } for (const _ of a());`,
    ends: cpu,
  },
  {
    tries: "waits with Atomics.wait, which nothing could end",
    body: `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`,
    ends: nothing,
  },
  { tries: "fills the stack", body: `const deep = () => deep() + 1; deep();`, ends: nothing },
  {
    tries: "fills the stack in a getter that the platform reads",
    body: `const init = { get status() { return new Response("x", init).status; } }; return new Response("x", init);`,
    ends: nothing,
  },
  {
    tries: "fills the stack up to the boundary, and crosses it there",
    body: `const deep = () => { try { deep(); } catch { console.log("x"); setTimeout(() => {}, 1); crypto.getRandomValues(new Uint8Array(1)); } }; deep(); throw new Error("came back");`,
    ends: nothing,
  },
  {
    tries: "fills the stack with proxies of proxies",
    body: `let one = {}; for (let at = 0; at < 1e5; at++) one = new Proxy(one, {}); one.x;`,
    ends: nothing,
  },
  {
    tries: "nests JSON a hundred thousand deep",
    body: `JSON.parse("[".repeat(1e5) + "]".repeat(1e5)); let list = []; for (let at = 0; at < 1e5; at++) list = [list]; return Response.json(list);`,
    ends: { status: 200 },
  },
  {
    tries: "doubles a clone until there is no room",
    body: `let one = []; for (;;) one = [structuredClone(one), structuredClone(one)];`,
    ends: memory,
  },
  {
    tries: "keeps buffers that can grow",
    body: `const kept = []; for (;;) { const one = new ArrayBuffer(0, { maxByteLength: 1 << 20 }); one.resize(1 << 20); new Uint8Array(one).fill(1); kept.push(one); }`,
    ends: memory,
  },
  {
    tries: "keeps buffers that can grow, by transfer and by clones",
    body: `const kept = []; let one = new ArrayBuffer(8, { maxByteLength: 1 << 20 }); for (;;) { one.resize(1 << 20); kept.push(structuredClone(one), one = one.transfer(8)); one = new ArrayBuffer(8, { maxByteLength: 1 << 20 }); }`,
    ends: memory,
  },
  {
    tries: "makes a thousand modules, each with a memory of its own",
    body: `const module = new WebAssembly.Module(${GROWING_WASM}); const kept = []; for (let at = 0; at < 1000; at++) kept.push(new WebAssembly.Instance(module)); throw new RangeError("Array buffer allocation failed");`,
    ends: memory,
  },
  {
    tries: "keeps objects of Intl, which V8 does not count",
    body: `const kept = []; for (;;) kept.push(new Intl.DateTimeFormat("de", { dateStyle: "full" }));`,
    ends: memory,
    limits: { memoryMb: 16 },
  },
  {
    tries: "joins strings to one of gigabytes",
    body: `let text = "x"; for (;;) text += text;`,
    ends: nothing,
  },
  {
    tries: "keeps large strings in many shapes",
    body: `const kept = []; for (;;) { const text = String.fromCharCode(300 + kept.length).repeat(1 << 22); kept.push(text.split("").reverse(), text.normalize("NFKD")); }`,
    ends: memory,
  },
  {
    tries: "keeps regular expressions",
    body: `const kept = []; for (let at = 0; ; at++) kept.push(new RegExp("a{" + at + "}b" + at));`,
    ends: memory,
  },
  {
    tries: "queues microtasks without end",
    body: `for (;;) queueMicrotask(() => {});`,
    ends: memory,
  },
  {
    tries: "catches every refusal of memory, and goes on",
    body: `const kept = []; for (;;) try { kept.push(new Uint8Array(1 << 20).fill(1)); } catch {}`,
    // A refusal of V8's own few bytes ends the isolate.
    ends: [cpu, memory],
    limits: { cpuMs: 1_000 },
  },
  {
    tries: "raises a number to a power of many megabits",
    body: `let number = 3n; for (;;) number *= number;`,
    ends: [cpu, memory],
    limits: { cpuMs: 200, memoryMb: 64 },
  },
]);
