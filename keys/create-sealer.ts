import { digestOfPlace, PLACE } from "./place.ts";
import { openStream, sealStream } from "./sealed-stream.ts";
import { createTextSealer, type KeySource, type Sealer } from "./sealer.ts";

/** A sealer with the keys of a source. Nothing is loaded before its first use. */
export function createSealer(source: KeySource): Sealer {
  const texts = createTextSealer(source);
  return {
    async seal(label, bytes, place) {
      return Buffer.from(await texts.seal(label, bytes, { [PLACE]: digestOfPlace(place) }));
    },
    async open(label, sealed, place) {
      const { bytes } = await texts.open(label, Buffer.from(sealed).toString("latin1"), place);
      return bytes;
    },
    sealStream: (...order) => sealStream(texts, ...order),
    openStream: (...order) => openStream(texts, ...order),
  };
}
