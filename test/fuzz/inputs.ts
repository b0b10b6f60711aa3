/** Inputs that are nearly right, for properties: fast-check shrinks a failing one to the change that matters. */
import fc from "fast-check";

/** How many inputs a property gets. `npm run fuzz:inputs -- COUNT` plays more. */
const RUNS = Number(process.env.NARUN_FUZZ_RUNS ?? 300);
const seed = process.env.NARUN_FUZZ_SEED;

export function forAll<T>(inputs: fc.Arbitrary<T>, check: (input: T) => void): void {
  fc.assert(fc.property(inputs, check), {
    numRuns: RUNS,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  });
}

export async function forAllLater<T>(
  inputs: fc.Arbitrary<T>,
  check: (input: T) => Promise<void>,
): Promise<void> {
  await fc.assert(fc.asyncProperty(inputs, check), {
    numRuns: RUNS,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  });
}

/** One change of an input: what lies at a place is cut, replaced, or kept with something before it. */
interface Change<T> {
  at: number;
  cut: number;
  insert: T;
}

const changes = <T>(insert: fc.Arbitrary<T>): fc.Arbitrary<Change<T>[]> =>
  fc.array(
    fc.record({
      at: fc.nat(),
      cut: fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 3 }) }, fc.nat({ max: 200 })),
      insert,
    }),
    { maxLength: 4 },
  );

/** Bytes of any kind, and changed ones of these. */
export function bytesLike(...samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const insert = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.constantFrom(
      Uint8Array.of(255, 255, 255, 255),
      Uint8Array.of(0),
      Uint8Array.of(0x80, 0x80, 0x80, 0x01),
    ),
  );
  const changed = fc.tuple(fc.constantFrom(...samples), changes(insert)).map(([sample, list]) =>
    list.reduce<Uint8Array>((bytes, { at, cut, insert: added }) => {
      const place = at % (bytes.byteLength + 1);
      return Uint8Array.from([...bytes.subarray(0, place), ...added, ...bytes.subarray(place + cut)]);
    }, sample),
  );
  return fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 120 }) },
    { weight: 4, arbitrary: changed },
  );
}

/** Texts of any kind, and changed ones of these. `words`: what changes put in. */
export function textsLike(samples: readonly string[], words: readonly string[]): fc.Arbitrary<string> {
  const insert = fc.oneof(fc.constantFrom(...words), fc.string({ unit: "binary", maxLength: 4 }));
  const changed = fc.tuple(fc.constantFrom(...samples), changes(insert)).map(([sample, list]) =>
    list.reduce((text, { at, cut, insert: added }) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + added + text.slice(place + cut);
    }, sample),
  );
  return fc.oneof({ weight: 1, arbitrary: fc.string({ maxLength: 80 }) }, { weight: 4, arbitrary: changed });
}
