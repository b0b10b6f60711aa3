/**
 * V8 leaves `SharedArrayBuffer` out while a snapshot is made. A real isolate has it. Libraries read its prototype when they
 * are loaded, so a stand-in exists until then: `main.ts` imports this file first and removes the stand-in last.
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
