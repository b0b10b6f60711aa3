/**
 * The objects that user code can reach: from the global object, from the handler's arguments, and from the results, errors
 * and callback arguments of the platform's functions. All of them must belong to the isolate: prototypes that end in its own
 * Object.prototype, functions of its own Function, and no name of Node or isolated-vm.
 */
import { afterAll, expect, it } from "vitest";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

/** The part that runs in the isolate. */
const WALKER = `
  const FOREIGN = /^(process|require|Buffer|ivm|isolated_vm|Isolate|Context|Reference|ExternalCopy|Callback|NativeModule|InspectorSession|Script|Session|__narun\\w*)$/;
  const functionPrototypes = new Set([() => {}, async () => {}, function* () {}, async function* () {}].map((one) => Object.getPrototypeOf(one)));

  const seen = new Map();
  const found = [];
  const queue = [];
  const add = (value, path) => {
    const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
    if (!isObject || seen.has(value)) return;
    seen.set(value, path);
    queue.push(value);
  };
  const report = (path, what) => { if (found.length < 50) found.push(path + ": " + what); };

  const look = (value) => {
    const path = seen.get(value);
    let top = value;
    for (let depth = 0; ; depth++) {
      const next = Reflect.getPrototypeOf(top);
      if (next === null) break;
      add(next, path + ".__proto__");
      top = next;
    }
    const isOwn = top === Object.prototype || Reflect.getPrototypeOf(value) === null;
    if (!isOwn) report(path, "its prototypes end in an Object.prototype of another realm");
    if (typeof value === "function") {
      let at = value;
      while (typeof at === "function" && !functionPrototypes.has(at)) at = Reflect.getPrototypeOf(at);
      if (at !== null && typeof at === "object" && at !== Object.prototype && !functionPrototypes.has(at)) report(path, "a function of another realm");
      if (at === null || at === Object.prototype) report(path, "a function without the realm's Function");
    }
    for (const key of Reflect.ownKeys(value)) {
      const name = typeof key === "symbol" ? "[" + String(key.description) + "]" : key;
      if (FOREIGN.test(name) && path !== "mentions") report(path + "." + name, "a name of Node or isolated-vm");
      const property = Reflect.getOwnPropertyDescriptor(value, key);
      if (property === undefined) continue;
      add(property.value, path + "." + name);
      add(property.get, path + ".get " + name);
      add(property.set, path + ".set " + name);
      if (property.get !== undefined) {
        try { add(Reflect.apply(property.get, value, []), path + "." + name + "()"); } catch (error) { add(error, path + "." + name + " throws"); }
      }
    }
    const tag = Object.prototype.toString.call(value);
    if (/Reference|ExternalCopy|Isolate|process/.test(tag)) report(path, tag);
  };
  const walk = () => { while (queue.length > 0) look(queue.pop()); };

  /** Functions that would end the request, or fill the log. */
  const LEFT_OUT = /reportError|queueMicrotask|console|dispatchEvent|__define|sort|copyWithin|fill|padEnd|padStart|repeat|\\.(close|setInterval)$/;
  const pending = [];
  /** Calls everything with unexpected arguments, and collects the results. */
  const provoke = (functions) => {
    const strange = [undefined, {}, Symbol("s"), -1, "text", new Uint8Array(2), () => {}];
    for (const [value, path] of functions) {
      if (LEFT_OUT.test(path)) continue;
      for (const argument of strange) {
        for (const call of [() => Reflect.apply(value, undefined, [argument]), () => Reflect.apply(value, argument, [argument, argument]), () => Reflect.construct(value, [argument])]) {
          try {
            const result = call();
            add(result, path + " gives");
            if (typeof result?.then === "function")
              pending.push(Promise.race([result, new Promise((done) => setTimeout(done, 200))]).then((one) => add(one, path + " resolves"), (error) => add(error, path + " rejects")));
          } catch (error) { add(error, path + " throws"); }
        }
      }
    }
  };
`;

/** Walks once through all reachable objects. */
const SOURCE = `
  ${WALKER}
  const collect = (label) => function (...values) { add(this, label + " this"); values.forEach((value, at) => add(value, label + " " + at)); };
  const callbacks = async () => {
    await new Promise((done) => setTimeout(function () { collect("timer").apply(this, arguments); done(); }, 1, {}));
    await new Promise((done) => queueMicrotask(function () { collect("microtask").apply(this, arguments); done(); }));
    const controller = new AbortController();
    controller.signal.onabort = collect("abort");
    controller.abort();
    const source = { start: collect("start"), pull(one) { collect("pull").call(this, one); one.enqueue(new Uint8Array(1)); one.close(); }, cancel: collect("cancel") };
    for await (const chunk of new ReadableStream(source)) add(chunk, "chunk");
    const transform = new TransformStream({ start: collect("transform start"), transform: collect("transform"), flush: collect("flush") });
    const writer = transform.writable.getWriter();
    writer.write("x").catch(() => {}); writer.close().catch(() => {});
    await transform.readable.getReader().read();
    await new Promise((done) => { const { port1, port2 } = new MessageChannel(); port2.onmessage = function (event) { collect("message").call(this, event); done(); }; port1.postMessage({ a: new Date() }); });
    Error.prepareStackTrace = (error, sites) => { add(error, "prepareStackTrace"); add(sites, "sites"); for (const site of sites) { add(site.getThis?.(), "getThis"); add(site.getFunction?.(), "getFunction"); } return sites; };
    const traced = [() => null.x, () => new URL("x"), () => new Headers("x"), () => structuredClone(() => {})];
    for (const make of traced) try { make(); } catch (error) { add(error, "traced"); add(error.stack, "stack"); }
    delete Error.prepareStackTrace;
    new FinalizationRegistry(collect("finalizer"));
    new Proxy({}, {});
  };
  const failures = async (env) => {
    const all = [
      fetch("http://127.0.0.1:8099/"), fetch("gopher://x"), fetch("http://no-such-host.invalid/"), fetch("http://a/", { signal: AbortSignal.abort() }),
      env.KV.get(1), env.KV.put("a", "b", { ttlSeconds: -1 }), env.KV.get("missing"), env.OBJECTS.get("missing"), env.PEER.fetch("/"), env.EVENTS.publish("elsewhere", "x"),
      crypto.subtle.importKey("raw", new Uint8Array(1), "nothing", true, []), crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt"]), crypto.subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, {}, new Uint8Array(1)),
      WebAssembly.compile(new Uint8Array(3)), import(["node", "fs"].join(":")), new Response(new Blob(["x"]).stream().pipeThrough(new DecompressionStream("gzip"))).text(),
      new Response("{").json(), new Response("x", { headers: { "content-type": "multipart/form-data; boundary=a" } }).formData(),
    ];
    for (const [at, one] of all.entries()) await one.then((value) => add(value, "result " + at), (error) => add(error, "failure " + at));
  };

  addEventListener("unhandledrejection", (event) => { add(event, "unhandledrejection"); event.preventDefault(); });
  addEventListener("error", (event) => { add(event, "error event"); event.preventDefault(); });

  export default async (request, env, ctx) => {
    if (request.url.endsWith("?planted")) {
      globalThis.process = { release: {} };
      globalThis.elsewhere = Object.create(Object.create(null));
    }
    add(globalThis, "globalThis");
    for (const [name, value] of Object.entries({ request, env, ctx, signal: ctx.signal, headers: request.headers, meta: import.meta })) add(value, name);
    for (const binding of Object.values(env)) add(binding, "binding");
    const reader = request.body.getReader();
    add(reader, "reader");
    add(await reader.read(), "read");
    await callbacks();
    await failures(env);
    walk();
    const functions = [...seen].filter(([value]) => typeof value === "function");
    provoke(functions);
    await Promise.all(pending);
    await new Promise((done) => setTimeout(done, 50));
    walk();
    return Response.json({ objects: seen.size, functions: functions.length, found, names: Object.getOwnPropertyNames(globalThis) });
  };
`;

const walk = async (path: string) => {
  const answer = await world.call(path, { method: "POST", body: "a body" });
  expect(answer).toMatchObject({ status: 200 });
  return JSON.parse(answer.text);
};

it("is all of the isolate's own", { timeout: 60_000 }, async () => {
  await world.push("peer", `export default () => { throw new Error("peer"); };`);
  const bindings = [
    { name: "KV", kv: "walk" },
    { name: "OBJECTS", objects: "walk-objects" },
    { name: "PEER", service: "peer" },
    { name: "EVENTS", publish: ["events.>"] },
  ];
  const config = {
    bindings,
    limits: { cpuMs: 30_000, timeoutMs: 60_000, memoryMb: 256 },
  };
  await world.push("walks", SOURCE, config);
  await world.push("sees", SOURCE, config);
  const { objects, functions, found, names } = await walk("/walks");
  expect(found).toEqual([]);
  // The walk has visited more objects than the language alone has.
  expect(objects).toBeGreaterThan(5_000);
  expect(functions).toBeGreaterThan(1_200);
  expect(names.filter((name: string) => /narun|ivm|process|require/i.test(name))).toEqual([]);
  // The walk finds planted objects.
  const planted = await walk("/sees?planted");
  expect(planted.found).toContainEqual("globalThis.process: a name of Node or isolated-vm");
  expect(planted.found).toContainEqual(expect.stringMatching(/^globalThis\.elsewhere: its prototypes end/));
});
