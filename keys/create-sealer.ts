import { digestOfPlace, PLACE } from "./place.ts";
import { openStream, sealStream } from "./sealed-stream.ts";
import { createTextSealer, type KeySource, type Sealer } from "./sealer.ts";

/** A sealer with the keys of a source. Nothing is loaded before its first use. */
export function createSealer(source: KeySource): Sealer {
  const texts = createTextSealer(source);
  return {
    async seal(label, bytes, place) {
      return Buffer.from(await texts.seal(label, bytes, { [PLACE]: digestOfPlace(place) }), "latin1");
    },
    async open(label, sealed, place) {
      const { bytes } = await texts.open(label, latin1Of(sealed), place);
      return new Uint8Array(bytes);
    },
    sealText: (label, text, place) => texts.seal(label, text, { [PLACE]: digestOfPlace(place) }),
    async openText(label, sealed, place) {
      const { bytes } = await texts.open(label, sealed, place);
      return textOf(bytes);
    },
    openNow(sealed, place) {
      const opened = texts.openNow(sealed, place);
      return opened && { label: opened.label, text: textOf(opened.bytes) };
    },
    sealStream: (...order) => sealStream(texts, ...order),
    openStream: (...order) => openStream(texts, ...order),
  };
}

function latin1Of(bytes: Uint8Array): string {
  return bufferOf(bytes).toString("latin1");
}

function textOf(bytes: Uint8Array): string {
  return bufferOf(bytes).toString();
}

/** The same memory. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
