import { createContext, runInContext } from "node:vm";
import { expect, it } from "vitest";
import { bundlePlatform } from "../../runtime/isolate/image/snapshot.ts";

/**
 * Reports, from within a context, each time that the platform's script reads a global that V8 leaves out while it makes a
 * snapshot. The script would not find it, for the life of every isolate.
 */
const WATCH = `(told) => {
  const watch = (holder, name, key) => {
    const found = Object.getOwnPropertyDescriptor(holder, key);
    if (found === undefined) throw new Error(name + " is not there");
    const get = found.get ?? (() => found.value);
    Object.defineProperty(holder, key, {
      configurable: true,
      get() { told.push(name); return get.call(this); },
      set(value) { Object.defineProperty(holder, key, { value, configurable: true, writable: true }); },
    });
  };
  const bytes = ["toBase64", "setFromBase64", "toHex", "setFromHex"];
  for (const key of bytes) watch(Uint8Array.prototype, "Uint8Array.prototype." + key, key);
  for (const key of ["fromBase64", "fromHex"]) watch(Uint8Array, "Uint8Array." + key, key);
  for (const [name, holder] of Object.entries({ Map, WeakMap }))
    for (const key of ["getOrInsert", "getOrInsertComputed"]) watch(holder.prototype, name + ".prototype." + key, key);
  watch(Date.prototype, "Date.prototype.toTemporalInstant", "toTemporalInstant");
  watch(Promise, "Promise.try", "try");
  watch(RegExp, "RegExp.escape", "escape");
  watch(Error, "Error.isError", "isError");
  watch(Atomics, "Atomics.pause", "pause");
  watch(Iterator, "Iterator.concat", "concat");
  // On the prototype, where a look-up finds them and a walk over the global object's own properties does not.
  const globals = ["Temporal", "SuppressedError", "DisposableStack", "AsyncDisposableStack", "SharedArrayBuffer", "WebAssembly"];
  const holder = Object.getPrototypeOf(globalThis);
  for (const key of globals) {
    Object.defineProperty(holder, key, Object.getOwnPropertyDescriptor(globalThis, key));
    delete globalThis[key];
    watch(holder, key, key);
  }
}`;

it("the platform takes nothing at its start that is not there while the snapshot is made", async () => {
  const context = createContext({});
  const told: string[] = [];
  runInContext(WATCH, context)(told);
  runInContext(await bundlePlatform(), context);
  // Libraries look at the prototype of SharedArrayBuffer and never meet one (snapshot-gaps.ts). @exodus/bytes looks once for
  // toBase64, and uses it only together with V8's own `atob`.
  expect(told.filter((name) => name !== "SharedArrayBuffer")).toEqual(["Uint8Array.prototype.toBase64"]);
});
