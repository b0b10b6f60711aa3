/** Escapes from sandboxes that share a realm, an object or a stack with their host. Isolates share none of these. */
import { describeHostile, nothing } from "./world.ts";

await describeHostile("an escape by way of", [
  {
    tries: "the constructor of the constructor of the request",
    body: `return gained(request.constructor.constructor("return this")(), request.constructor.constructor);`,
    ends: nothing,
  },
  {
    tries: "the constructors of everything that the handler is given",
    body: `const all = [request, request.headers, request.signal, env, ctx, ctx.signal, ctx.waitUntil, request.url];
      return gained(...all.flatMap((one) => [one.constructor?.constructor, Object.getPrototypeOf(one)?.constructor?.constructor]));`,
    ends: nothing,
  },
  {
    tries: "an error of the host, thrown by fetch",
    body: `const error = await fetch("http://127.0.0.1:8099/").catch((failure) => failure);
      return gained(error.constructor.constructor, error.cause?.constructor?.constructor, error.cause);`,
    ends: nothing,
  },
  {
    tries: "an error of the host, thrown by a refused argument of the platform",
    body: `const errors = [() => new Headers([["\\n", ""]]), () => crypto.getRandomValues(new Uint8Array(1e6)), () => new URL("x"), () => atob("§")]
        .map((make) => { try { make(); } catch (error) { return error; } });
      return gained(...errors.map((error) => error?.constructor?.constructor));`,
    ends: nothing,
  },
  {
    tries: "a stack overflow inside the platform, whose error belongs to whoever overflows",
    body: `let error; const deep = () => { try { deep(); } catch (failure) { if (error === undefined) { error = failure; try { new Request("http://a/"); } catch (second) { error = second; } } throw failure; } };
      try { deep(); } catch {}
      return gained(error.constructor.constructor);`,
    ends: nothing,
  },
  {
    tries: "Error.prepareStackTrace, whose call sites name functions and their receivers",
    body: `const seen = [];
      Error.prepareStackTrace = (_error, sites) => { for (const site of sites) seen.push(site.getThis(), site.getFunction()); return ""; };
      void new Error("a").stack; try { null.x; } catch (error) { void error.stack; } try { new URL("x"); } catch (error) { void error.stack; }
      return gained(...seen, ...seen.map((one) => one?.constructor?.constructor));`,
    ends: nothing,
  },
  {
    tries: "Error.prepareStackTrace while the platform makes its own errors",
    body: `const seen = [];
      Error.prepareStackTrace = (error, sites) => { seen.push(error, ...sites, ...sites.map((site) => site.getFunction?.())); return sites; };
      await fetch("http://127.0.0.1:8099/").catch((error) => { void error.stack; });
      Error.captureStackTrace(seen); void seen.stack;
      return gained(...seen.map((one) => one?.constructor?.constructor));`,
    ends: nothing,
  },
  {
    tries: "arguments.callee.caller up to whoever called the handler",
    body: `const found = (function () { const list = []; let at = arguments.callee; try { for (let i = 0; i < 20 && at; i++) list.push(at = at.caller); } catch {} return list; })();
      return gained(...found.map((one) => one?.constructor));`,
    ends: nothing,
  },
  {
    tries: "the constructors of async functions, generators and async generators",
    body: `const makers = [async () => {}, function* () {}, async function* () {}].map((one) => Object.getPrototypeOf(one).constructor);
      const values = [await makers[0]("return this")(), makers[1]("yield this")().next().value, (await makers[2]("yield this")().next()).value];
      return gained(...values, ...makers);`,
    ends: nothing,
  },
  {
    tries: "import() of Node's modules",
    body: `const found = []; for (const name of ["node:fs", "fs", "child_process", "isolated-vm", "file:///etc/passwd", "data:text/javascript,export default process"]) {
        const specifier = name; found.push(await import(specifier).catch(() => undefined)); }
      if (found.some(Boolean)) return new Response("gained");
      throw new Error("nothing gained");`,
    ends: nothing,
  },
  {
    tries: "import() and import.meta of code made by new Function and eval",
    body: `const first = await new Function('return import("node:fs")')().catch(() => undefined);
      const second = await (0, eval)('import("node:process")').catch(() => undefined);
      if (first || second || typeof import.meta.resolve === "function") return new Response("gained");
      throw new Error("nothing gained");`,
    ends: nothing,
  },
  {
    tries: "names that Node, isolated-vm or the boot of the platform leave behind",
    body: `const names = ["process", "require", "module", "global", "Buffer", "ivm", "_ivm", "$0", "$1", "$2", "__narunBoot", "__narunLoad", "setImmediate", "Deno", "Bun"];
      const found = names.filter((name) => { try { return (0, eval)("typeof " + name) !== "undefined"; } catch { return false; } });
      if (found.length > 0) return new Response(found.join());
      throw new Error("nothing gained");`,
    ends: nothing,
  },
  {
    tries: "proxies whose traps see what the platform does with a response",
    body: `const seen = [];
      const spy = (target) => new Proxy(target, { get(at, key, receiver) { seen.push(receiver); return Reflect.get(at, key); }, getPrototypeOf(at) { seen.push(at); return Reflect.getPrototypeOf(at); }, has(at, key) { seen.push(key); return key in at; } });
      try { new Response("x", spy({ status: 200, headers: spy({ a: "b" }) })); new Request("http://a/", spy({ method: "GET" })); } catch {}
      return gained(...seen, ...seen.map((one) => one?.constructor?.constructor));`,
    ends: nothing,
  },
  {
    tries: "Symbol.species of arrays and buffers that the platform slices",
    body: `const seen = []; for (const Kind of [Array, ArrayBuffer, Uint8Array, Promise, RegExp]) Object.defineProperty(Kind, Symbol.species, { configurable: true, get() { seen.push(this, this.constructor); return undefined; } });
      await new Blob(["a", "b"]).slice(0, 1).arrayBuffer(); new TextEncoder().encode("x").slice(); await crypto.subtle.digest("SHA-256", new Uint8Array(3));
      return gained(...seen);`,
    ends: nothing,
  },
  {
    tries: "Symbol.toPrimitive, valueOf and toString of arguments, called with what the platform has as this",
    body: `const seen = []; const trick = { [Symbol.toPrimitive](hint) { seen.push(this, hint); return "1"; }, valueOf() { seen.push(this); return 1; }, toString() { seen.push(this); return "1"; } };
      try { new URL("http://a/" + trick); setTimeout(() => {}, trick); new Headers({ a: trick }); atob(trick); new TextDecoder(trick); } catch {}
      return gained(...seen.map((one) => one?.constructor?.constructor));`,
    ends: nothing,
  },
  {
    tries: "Symbol.hasInstance, isConcatSpreadable and unscopables put on what is everywhere",
    body: `const seen = []; Object.defineProperty(Object.prototype, Symbol.isConcatSpreadable, { configurable: true, get() { seen.push(this); return false; } });
      Object.defineProperty(Function.prototype, Symbol.unscopables, { configurable: true, get() { seen.push(this); return {}; } });
      try { new Response(new Blob([]).stream()); structuredClone([1, { a: [2] }]); } catch {}
      return gained(...seen.map((one) => one?.constructor?.constructor));`,
    ends: nothing,
  },
  {
    tries: "callbacks of the platform, whose this and arguments may be the host's",
    body: `const seen = []; const take = function (...values) { seen.push(this, ...values); };
      await new Promise((done) => setTimeout(function (...values) { take.apply(this, values); done(); }, 1, {}));
      const controller = new AbortController(); controller.signal.addEventListener("abort", function (event) { take.call(this, event); }); controller.abort();
      await new ReadableStream({ start(one) { take.call(this, one); }, pull(one) { take.call(this, one); one.close(); } }).getReader().read();
      await new Promise((done) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = function (event) { take.call(this, event); done(); }; port2.postMessage({}); });
      return gained(...seen, ...seen.map((one) => one?.constructor?.constructor), ...seen.map((one) => Object.getPrototypeOf(one ?? {})?.constructor?.constructor));`,
    ends: nothing,
  },
  {
    tries: "the host's functions that the platform keeps, by Function.prototype.call, apply and bind",
    body: `const seen = []; const { call, apply, bind } = Function.prototype;
      Function.prototype.call = function (...values) { seen.push(this, ...values); return Reflect.apply(call, this, values); };
      Function.prototype.apply = function (...values) { seen.push(this, ...values); return Reflect.apply(apply, this, values); };
      Function.prototype.bind = function (...values) { seen.push(this, ...values); return Reflect.apply(bind, this, values); };
      console.log("x"); await crypto.subtle.digest("SHA-1", new Uint8Array(1)); await fetch("http://127.0.0.1:8099/").catch(() => {});
      return gained(...seen.filter((one) => typeof one === "function").flatMap((one) => [one.constructor]));`,
    ends: nothing,
  },
  {
    tries: "the host's functions that the platform keeps, by iterators of arrays and by rest arguments",
    body: `const seen = []; const native = Array.prototype[Symbol.iterator];
      Array.prototype[Symbol.iterator] = function () { seen.push(...(function* (list) { for (let i = 0; i < list.length; i++) yield list[i]; })(this)); return Reflect.apply(native, this, []); };
      try { console.log("x", {}); setTimeout(() => {}, 1); } finally { Array.prototype[Symbol.iterator] = native; }
      return gained(...seen.filter((one) => typeof one === "function").map((one) => one.constructor));`,
    ends: nothing,
  },
  {
    tries: "the then method of a promise that the platform awaits",
    body: `const seen = []; const native = Promise.prototype.then;
      Promise.prototype.then = function (...values) { seen.push(this, ...values); return Reflect.apply(native, this, values); };
      await fetch("http://127.0.0.1:8099/").catch(() => {}); ctx.waitUntil(Promise.resolve());
      return gained(...seen.flatMap((one) => [one?.constructor?.constructor]));`,
    ends: nothing,
  },
  {
    tries: "a WebAssembly import, called with what calls it",
    body: `const bytes = new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,2,7,1,1,97,1,98,0,0,8,1,0]);
      const seen = []; new WebAssembly.Instance(new WebAssembly.Module(bytes), { a: { b(...values) { seen.push(this, ...values); } } });
      return gained(...seen, WebAssembly.Module.constructor, WebAssembly.Module.prototype.constructor.constructor);`,
    ends: nothing,
  },
  {
    tries: "V8's own constructors behind the platform's, which count memory",
    body: `const memory = new WebAssembly.Memory({ initial: 1 });
      if (memory.constructor !== WebAssembly.Memory || new ArrayBuffer(1).constructor !== ArrayBuffer) return new Response("gained");
      let native; Object.prototype.construct = Object.prototype.get = function (target) { native ??= target; return undefined; };
      try { new WebAssembly.Memory({ initial: 1 }); new ArrayBuffer(1, { maxByteLength: 2 }); } catch {} finally { delete Object.prototype.construct; delete Object.prototype.get; }
      const class1 = class extends ArrayBuffer {}; const species = new class1(8, { maxByteLength: 16 });
      if (Object.getPrototypeOf(class1) !== ArrayBuffer || Object.getPrototypeOf(species.constructor) !== ArrayBuffer) return new Response("gained");
      throw new Error("nothing gained");`,
    ends: nothing,
  },
]);
