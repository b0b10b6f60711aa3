/** The Encoding standard's transform streams. */

import { showFields } from "../console/inspection.ts";
import { type ReadableStream, TransformStream, type WritableStream } from "../streams/streams.ts";
import { asInterface, toDOMString } from "../webidl/webidl.ts";
import { bytesOf, type DecoderOptions, encodeUtf8, TextDecoder } from "./encoding.ts";

export class TextDecoderStream {
  readonly #decoder: TextDecoder;
  readonly #transform: TransformStream<Uint8Array, string>;

  constructor(label: string = "utf-8", options: DecoderOptions = {}) {
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    this.#transform = new TransformStream<Uint8Array, string>({
      transform(chunk, controller) {
        const text = decoder.decode(bytesOf(chunk), { stream: true });
        if (text !== "") controller.enqueue(text);
      },
      flush(controller) {
        const text = decoder.decode();
        if (text !== "") controller.enqueue(text);
      },
    });
  }

  get encoding(): string {
    return this.#decoder.encoding;
  }

  get fatal(): boolean {
    return this.#decoder.fatal;
  }

  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }

  get readable(): ReadableStream<string> {
    return this.#transform.readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#transform.writable;
  }
}

export class TextEncoderStream {
  readonly #transform: TransformStream<string, Uint8Array>;

  constructor() {
    /** The last code unit of a chunk, if it is the first half of a surrogate pair. */
    let lead = "";
    this.#transform = new TransformStream<string, Uint8Array>({
      transform(chunk, controller) {
        const given = toDOMString(chunk, "The chunk");
        if (given === "") return;
        const text = lead + given;
        lead = isLeadSurrogate(text.charCodeAt(text.length - 1)) ? text.slice(-1) : "";
        const whole = lead === "" ? text : text.slice(0, -1);
        if (whole !== "") controller.enqueue(encodeUtf8(whole));
      },
      flush(controller) {
        if (lead !== "") controller.enqueue(encodeUtf8(lead));
      },
    });
  }

  get encoding(): string {
    // Throws for an object that is not an encoder stream.
    void this.#transform;
    return "utf-8";
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#transform.readable;
  }

  get writable(): WritableStream<string> {
    return this.#transform.writable;
  }
}

asInterface("TextDecoderStream", TextDecoderStream);
asInterface("TextEncoderStream", TextEncoderStream);
showFields(TextDecoderStream, "TextDecoderStream", ({ encoding, fatal, ignoreBOM, readable, writable }) => ({
  encoding,
  fatal,
  ignoreBOM,
  readable,
  writable,
}));
showFields(TextEncoderStream, "TextEncoderStream", ({ encoding, readable, writable }) => ({
  encoding,
  readable,
  writable,
}));

function isLeadSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
