/** The codec of messages in binary. The JSON form comes with its first use (json-codec.ts). */
import {
  create,
  type DescFile,
  type DescMessage,
  fromBinary,
  isMessage,
  type JsonValue,
  type Message,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";

export type Codec = "proto" | "json";

/** The bytes of a message, or of the fields of one. Error: the library's, for a value of the wrong type. */
export function binaryOf(schema: DescMessage, value: MessageInitShape<DescMessage>): Uint8Array {
  return toBinary(schema, messageOf(schema, value));
}

export function messageOf(schema: DescMessage, value: MessageInitShape<DescMessage>): Message {
  return isMessage(value, schema) ? value : create(schema, value);
}

/** Messages as JSON, with the names of Protobuf's mapping. */
export interface JsonForm {
  /** The type of a message in `google.protobuf.Any`. */
  schemaOf(type: string): DescMessage | undefined;
  value(schema: DescMessage, message: Message): JsonValue;
  /** The same with the fields that have their default value. */
  whole(schema: DescMessage, message: Message): JsonValue;
  /** Error: the library's, for a value that is no such message, and for a key that is no field of it. */
  read(schema: DescMessage, value: JsonValue): Message;
  text(schema: DescMessage, value: MessageInitShape<DescMessage>): string;
  parse(schema: DescMessage, text: string): Message;
}

/** Reads and writes the messages of a service in its two forms. */
export class MessageCodec {
  readonly file: DescFile;
  /** Set before the first call in JSON. */
  json: JsonForm | undefined;

  constructor(file: DescFile) {
    this.file = file;
  }

  encode(codec: Codec, schema: DescMessage, value: MessageInitShape<DescMessage>): Uint8Array {
    if (codec === "proto") return binaryOf(schema, value);
    return new TextEncoder().encode(this.#json().text(schema, value));
  }

  /** Error: the library's, for bytes that are no such message. */
  decode(codec: Codec, schema: DescMessage, bytes: Uint8Array): Message {
    if (codec === "proto") return fromBinary(schema, bytes);
    return this.#json().parse(schema, new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  }

  #json(): JsonForm {
    if (this.json === undefined) throw new Error("the JSON form of the service is not loaded");
    return this.json;
  }
}
