/**
 * While a snapshot is made V8 leaves `SharedArrayBuffer` out; a real isolate has it. Libraries look at its prototype
 * when they are loaded, so it stands in for that long: `main.ts` imports this first and takes it away last.
 */
const isStandIn = !("SharedArrayBuffer" in globalThis);

if (isStandIn) {
  Object.defineProperty(globalThis, "SharedArrayBuffer", {
    configurable: true,
    value: class StandIn {
      get byteLength(): never {
        throw new TypeError("not a SharedArrayBuffer");
      }
      get growable(): never {
        throw new TypeError("not a SharedArrayBuffer");
      }
    },
  });
}

export function closeSnapshotGaps(): void {
  if (isStandIn) Reflect.deleteProperty(globalThis, "SharedArrayBuffer");
}
