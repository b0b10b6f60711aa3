import { expect, it } from "vitest";
import { createRandom } from "../../../test/soak/random.ts";
import {
  INBOUND_CREDIT_BYTES,
  INBOUND_MORE_BYTES,
  INBOUND_WINDOW_BYTES,
  placeBehind,
} from "../../../web/host/boundary.ts";
import { InboundRing } from "./ring.ts";

it("bytes lie in the ring where the isolate looks for them, whatever their sizes and their own places", () => {
  const random = createRandom(3);
  const ring = new InboundRing();
  const bytes = new Uint8Array(ring.memory);
  const source = Uint8Array.from({ length: 200_000 }, (_, at) => at % 251);
  let at = 0;
  let aligned = 0;
  for (let part = 0; part < 300; part++) {
    const written: Uint8Array[] = [];
    for (let left = random.between(1, 4); left > 0; left--) {
      const from = random.between(0, 999);
      const piece = source.subarray(from, from + random.between(1, random.pick([20, 5_000, 60_000])));
      ring.put(piece);
      written.push(piece);
    }
    const size = ring.cut();
    const arrived = Uint8Array.from({ length: size }, (_, index) => bytes[(at + index) % bytes.length] ?? 0);
    expect(Buffer.concat(written).equals(arrived)).toBe(true);
    at = placeBehind(at, size);
    if (size >= 4_096) expect(at % 8).toBe(0);
    if (size >= 4_096) aligned += 1;
  }
  expect(aligned).toBeGreaterThan(50);
});

it("the gaps behind parts are bounded, whatever their sizes: a ring has room for all that was granted", () => {
  for (const size of [1, 7, 4_095, 4_097, 4_103, 65_529]) {
    let at = 0;
    let bytes = 0;
    let taken = 0;
    while (bytes + size <= INBOUND_CREDIT_BYTES + INBOUND_MORE_BYTES + 64 * 1024) {
      const next = placeBehind(at, size);
      taken += (next - at + INBOUND_WINDOW_BYTES) % INBOUND_WINDOW_BYTES;
      bytes += size;
      at = next;
    }
    expect([size, taken <= INBOUND_WINDOW_BYTES]).toEqual([size, true]);
    expect(taken - bytes).toBeLessThanOrEqual(1_024);
  }
});
