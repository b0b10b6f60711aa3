/**
 * The memories of a WebAssembly module. Their first sizes are read from the bytes: V8 shows only exported memories. A source
 * that is no module, or an incomplete one, has no memories here. V8 refuses it.
 */
import { anyBytesOf } from "../webidl/buffer-source.ts";

const { apply, getOwnPropertyDescriptor } = Reflect;
const { min } = Math;
const Numbers = globalThis.Uint32Array;

const HEADER_BYTES = 8;
const MEMORY_SECTION = 5;
const HAS_MAXIMUM = 1;
const HAS_PAGE_SIZE = 8;
/** Upper bound of V8. */
const MAX_MEMORIES = 100_000;

/** The first size of each memory, in pages. */
export function firstPages(source: unknown): Uint32Array {
  const bytes = anyBytesOf(source);
  let at = HEADER_BYTES;
  /** Reads an unsigned LEB128 number. */
  const number = (): number => {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = bytes?.[at++];
      if (byte === undefined) return value;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
  };
  while (bytes !== undefined && at < bytes.length) {
    const id = bytes[at++];
    const size = number();
    if (id !== MEMORY_SECTION) {
      at += size;
      continue;
    }
    const count = number();
    const pages = new Numbers(min(count, MAX_MEMORIES));
    for (let index = 0; index < pages.length && at < bytes.length; index++) {
      const flags = bytes[at++] ?? 0;
      pages[index] = number();
      if ((flags & HAS_MAXIMUM) !== 0) number();
      if ((flags & HAS_PAGE_SIZE) !== 0) number();
    }
    return pages;
  }
  return new Numbers(0);
}

interface Exports {
  readonly [name: string]: unknown;
}

/** Makes a function that finds the exported memories of an instance. */
export function exportedMemories(namespace: {
  Memory: { prototype: object };
  Module: object;
  Instance: { prototype: object };
}): (module: object, instance: object) => readonly object[] {
  const { Memory, Module, Instance } = namespace;
  const list = (Module as { exports(module: object): readonly { name: string; kind: string }[] }).exports;
  const exportsOf = getOwnPropertyDescriptor(Instance.prototype, "exports")?.get as (this: object) => Exports;
  const bufferOf = getOwnPropertyDescriptor(Memory.prototype, "buffer")?.get as (this: object) => unknown;
  return (module, instance) => {
    const names = list(module);
    const exports = apply(exportsOf, instance, []);
    const found = names as unknown as object[];
    let count = 0;
    // The list belongs to V8 and was made for this call. Found memories overwrite entries that were already read.
    for (let at = 0; at < names.length; at++) {
      const { name = "", kind } = names[at] ?? {};
      if (kind !== "memory") continue;
      const memory = exports[name] as object;
      apply(bufferOf, memory, []);
      let isNew = true;
      for (let before = 0; before < count; before++) isNew &&= found[before] !== memory;
      if (isNew) found[count++] = memory;
    }
    found.length = count;
    return found;
  };
}
