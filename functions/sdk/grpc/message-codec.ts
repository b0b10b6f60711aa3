/** The codec of messages: the only file that knows how the library of Protobuf reads and writes. */
import {
  create,
  createRegistry,
  type DescFile,
  type DescMessage,
  fromBinary,
  fromJsonString,
  isMessage,
  type Message,
  type MessageInitShape,
  type Registry,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";

export type Codec = "proto" | "json";

/** The bytes of a message, or of the fields of one. Error: the library's, for a value of the wrong type. */
export function binaryOf(schema: DescMessage, value: MessageInitShape<DescMessage>): Uint8Array {
  return toBinary(schema, messageOf(schema, value));
}

function messageOf(schema: DescMessage, value: MessageInitShape<DescMessage>): Message {
  return isMessage(value, schema) ? value : create(schema, value);
}

/** Reads and writes the messages of a service in one of its two forms. `google.protobuf.Any` may have the types of its files. */
export class MessageCodec {
  readonly #file: DescFile;
  #registry: Registry | undefined;

  constructor(file: DescFile) {
    this.#file = file;
  }

  get registry(): Registry {
    this.#registry ??= createRegistry(...filesOf(this.#file));
    return this.#registry;
  }

  encode(codec: Codec, schema: DescMessage, value: MessageInitShape<DescMessage>): Uint8Array {
    if (codec === "proto") return binaryOf(schema, value);
    return new TextEncoder().encode(this.text(schema, value));
  }

  /** A message as JSON, with the names of Protobuf's mapping. */
  text(schema: DescMessage, value: MessageInitShape<DescMessage>): string {
    return toJsonString(schema, messageOf(schema, value), { registry: this.registry });
  }

  /** Error: the library's, for bytes that are no such message. Unknown keys of JSON are ignored, as in Connect. */
  decode(codec: Codec, schema: DescMessage, bytes: Uint8Array): Message {
    if (codec === "proto") return fromBinary(schema, bytes);
    return this.parse(schema, new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  }

  parse(schema: DescMessage, text: string): Message {
    return fromJsonString(schema, text === "" ? "{}" : text, {
      registry: this.registry,
      ignoreUnknownFields: true,
    });
  }
}

function filesOf(file: DescFile, found: Set<DescFile> = new Set()): DescFile[] {
  if (!found.has(file)) {
    found.add(file);
    for (const dependency of file.dependencies) filesOf(dependency, found);
  }
  return [...found];
}
