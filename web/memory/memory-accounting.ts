/**
 * Accounts for memory that V8 does not count for an isolate: resizable and growable buffers, and WebAssembly's memories. The
 * engine counts plain `ArrayBuffer`s only. So each byte of other memory gets a counterpart of that kind, its ballast. The
 * ballast is never touched and takes none of the machine's memory.
 *
 * I1  Ballast exists before its counterpart, and as long: a WeakMap ties the two together. Without room for the ballast a
 *     RangeError is thrown, as V8 does for a buffer.
 * I2  User code gets no constructor or method of V8 that makes or grows such memory, only the replacements here. These
 *     call no function and read no property that user code could have replaced.
 * I3  A module may grow its memories by an instruction, without a call. Exported memories are measured again at each entry.
 *     A memory that is not exported counts with its first size for ever. The host sees growth within one entry by the
 *     memory of the whole process (runtime/isolate/process/watchdog.ts).
 */

import { NativeProxy } from "../console/proxies.ts";
import { getterOf } from "../webidl/buffer-source.ts";
import { exportedMemories, firstPages } from "./wasm-memories.ts";

type Constructor = new (...values: never[]) => object;

/** The counted memory of one holder. */
interface Ballast {
  bytes: number;
  last: { readonly part: ArrayBuffer; readonly before: unknown } | undefined;
}

const { apply, construct, getOwnPropertyDescriptor } = Reflect;
const NativeArrayBuffer = globalThis.ArrayBuffer;
const NativeRangeError = globalThis.RangeError;
const NativeWeakRef = globalThis.WeakRef;
const { deref } = NativeWeakRef.prototype;
const PAGE_BYTES = 65_536;

const ballasts = new WeakMap<object, Ballast>();
const ballastOf = ballasts.get.bind(ballasts);
const setBallast = ballasts.set.bind(ballasts);
/** The ballast of memory whose release V8 does not report. It counts until the isolate ends. */
const permanentBallast: Ballast = { bytes: 0, last: undefined };

/** Throws a RangeError without enough room. */
function add(ballast: Ballast, bytes: number): void {
  ballast.last = { part: new NativeArrayBuffer(bytes), before: ballast.last };
  ballast.bytes += bytes;
}

/** Counts more bytes for a holder. */
function tie(holder: object, bytes: number): void {
  let ballast = ballastOf(holder);
  if (ballast === undefined) {
    ballast = { bytes: 0, last: undefined };
    setBallast(holder, ballast);
  }
  add(ballast, bytes);
}

function methodOf(prototype: object, name: string): (...values: unknown[]) => unknown {
  return getOwnPropertyDescriptor(prototype, name)?.value;
}

function replace(holder: object, name: string, value: unknown): void {
  Object.defineProperty(holder, name, { ...getOwnPropertyDescriptor(holder, name), value });
}

/** A constructor with another way to make objects, and otherwise unchanged. */
function wrapConstructor(
  native: Constructor,
  make: (values: readonly unknown[], target: Constructor) => object,
): Constructor {
  // Without a prototype, so that no trap can be added to it.
  const handler: ProxyHandler<Constructor> = Object.create(null);
  handler.construct = (_native, values, target) => make(values, target as Constructor);
  const wrapped = new NativeProxy(native, handler);
  replace(native.prototype, "constructor", wrapped);
  return wrapped;
}

/** Called when an isolate begins, before any user code: some of the replaced globals are missing while the snapshot is made. */
export function accountMemory(): void {
  accountBuffers("ArrayBuffer", "resizable");
  accountBuffers("SharedArrayBuffer", "growable");
  const { WebAssembly: namespace } = globalThis as { WebAssembly?: Namespace };
  if (namespace !== undefined) accountWasm(namespace);
}

/** A buffer that can change its size counts with its maximum size: V8 reserves that at once. */
function accountBuffers(name: "ArrayBuffer" | "SharedArrayBuffer", flag: string): void {
  const native = (globalThis as unknown as Record<string, Constructor>)[name];
  if (native === undefined) return;
  const maxByteLength = getterOf<number>(native.prototype, "maxByteLength");
  const isResizable = getterOf<boolean>(native.prototype, flag);
  const account = (buffer: object): object => {
    if (isResizable(buffer)) tie(buffer, maxByteLength(buffer));
    return buffer;
  };
  const wrapped = wrapConstructor(native, (values, target) => {
    const made = construct(native, values, target) as object;
    return values.length > 1 ? account(made) : made;
  });
  replace(globalThis, name, wrapped);
  const transfer = methodOf(native.prototype, "transfer");
  if (transfer === undefined) return;
  const methods = {
    transfer(this: object, ...values: unknown[]): object {
      return account(apply(transfer, this, values) as object);
    },
  };
  replace(native.prototype, "transfer", named(methods.transfer, "transfer", 0));
}

interface Namespace {
  Memory: Constructor;
  Module: Constructor;
  Instance: Constructor;
}

/** Exported memories, which may grow without a call. */
const watched: { first: { readonly memory: WeakRef<object>; next: Watched } | undefined } = {
  first: undefined,
};
type Watched = (typeof watched)["first"];

let lengthOf: (memory: object) => number = () => 0;

function accountWasm(namespace: Namespace): void {
  const { Memory, Module, Instance } = namespace;
  const bufferOf = getterOf<object>(Memory.prototype, "buffer");
  const plainLength = getterOf<number>(NativeArrayBuffer.prototype, "byteLength");
  const sharedLength = getterOf<number>(SharedArrayBuffer.prototype, "byteLength");
  lengthOf = (memory) => {
    const buffer = bufferOf(memory);
    try {
      return plainLength(buffer);
    } catch {
      return sharedLength(buffer);
    }
  };
  const modules = new WeakMap<object, Uint32Array>();
  const pagesOf = modules.get.bind(modules);
  const setPages = modules.set.bind(modules);
  const memoriesIn = exportedMemories(namespace);

  const memory = wrapConstructor(Memory, (values, target) => {
    const made = construct(Memory, values, target) as object;
    tie(made, lengthOf(made));
    return made;
  });
  const module = wrapConstructor(Module, (values, target) => {
    const before = firstPages(values[0]);
    const made = construct(Module, values, target) as object;
    // The getters of the options are user code, which could have changed the bytes.
    const after = firstPages(values[0]);
    let isSame = before.length === after.length;
    for (let at = 0; isSame && at < before.length; at++) isSame = before[at] === after[at];
    if (!isSame) throw new NativeRangeError("The bytes of a module changed while it was compiled");
    if (before.length > 0) setPages(made, before);
    return made;
  });
  const instance = wrapConstructor(Instance, (values, target) => {
    const pages = pagesOf(values[0] as object);
    const made = construct(Instance, values, target) as object;
    if (pages === undefined) return made;
    const exported = memoriesIn(values[0] as object, made);
    let found = 0;
    for (let at = 0; at < exported.length; at++) {
      const one = exported[at] as object;
      if (ballastOf(one) !== undefined) continue;
      found += 1;
      tie(one, lengthOf(one));
      watched.first = { memory: new NativeWeakRef(one), next: watched.first };
    }
    if (found === pages.length) return made;
    for (let at = 0; at < pages.length; at++) add(permanentBallast, (pages[at] as number) * PAGE_BYTES);
    return made;
  });
  replace(namespace, "Memory", memory);
  replace(namespace, "Module", module);
  replace(namespace, "Instance", instance);
  accountGrowth(Memory.prototype);
}

/** More than any isolate has. */
const MAX_BYTES = 2 ** 40;
const { Number: toNumber } = globalThis;

function accountGrowth(prototype: object): void {
  const grow = methodOf(prototype, "grow");
  const toResizable = methodOf(prototype, "toResizableBuffer");
  const toFixed = methodOf(prototype, "toFixedLengthBuffer");
  const methods = {
    grow(this: object, by: unknown): unknown {
      const ballast = ballastOf(this);
      // V8 throws the error for a value that is no memory.
      if (ballast === undefined) return apply(grow, this, [by]);
      // Converted once: a `valueOf` could return another number the second time.
      const pages = typeof by === "bigint" ? by : toNumber(by as number);
      const bytes = toNumber(pages) * PAGE_BYTES;
      if (!(bytes > 0 && bytes <= MAX_BYTES)) return apply(grow, this, [pages]);
      const { bytes: bytesBefore, last } = ballast;
      add(ballast, bytes);
      try {
        return apply(grow, this, [pages]);
      } catch (error) {
        ballast.bytes = bytesBefore;
        ballast.last = last;
        throw error;
      }
    },
    /** The resulting buffer can grow the memory up to its maximum. */
    toResizableBuffer(this: object): unknown {
      const buffer = apply(toResizable, this, []) as object;
      const ballast = ballastOf(this);
      try {
        if (ballast !== undefined) add(ballast, mostOf(buffer) - ballast.bytes);
      } catch (error) {
        apply(toFixed, this, []);
        throw error;
      }
      return buffer;
    },
  };
  replace(prototype, "grow", named(methods.grow, "grow", 1));
  if (toResizable !== undefined)
    replace(prototype, "toResizableBuffer", named(methods.toResizableBuffer, "toResizableBuffer", 0));
}

const plainMost = getterOf<number>(NativeArrayBuffer.prototype, "maxByteLength");

function mostOf(buffer: object): number {
  try {
    return plainMost(buffer);
  } catch {
    return getterOf<number>(SharedArrayBuffer.prototype, "maxByteLength")(buffer);
  }
}

function named<T extends object>(method: T, name: string, length: number): T {
  Object.defineProperty(method, "name", { value: name, configurable: true });
  Object.defineProperty(method, "length", { value: length, configurable: true });
  return method;
}

/** Whether so many more bytes would fit. The bytes are not touched, and released at once. */
export function hasRoomFor(bytes: number): boolean {
  try {
    return new NativeArrayBuffer(bytes).byteLength === bytes;
  } catch {
    return false;
  }
}

/** Bytes of all measured memories. */
export function measuredBytes(): number {
  let bytes = 0;
  for (let one = watched.first; one !== undefined; one = one.next) {
    const memory = apply(deref, one.memory, []) as object | undefined;
    if (memory !== undefined) bytes += lengthOf(memory);
  }
  return bytes;
}

/** Measures the memories that can grow without a call. Throws a RangeError without room for their growth. */
export function measureMemories(): void {
  let before: NonNullable<Watched> | undefined;
  for (let one = watched.first; one !== undefined; one = one.next) {
    const memory = apply(deref, one.memory, []) as object | undefined;
    if (memory === undefined) {
      if (before === undefined) watched.first = one.next;
      else before.next = one.next;
      continue;
    }
    before = one;
    const grown = lengthOf(memory) - (ballastOf(memory)?.bytes ?? 0);
    if (grown > 0) tie(memory, grown);
  }
}
