/**
 * The JSON form of messages. The library's part for it costs 10 ms at its first use, so this module is imported with the
 * first call in JSON.
 */
import {
  createRegistry,
  type DescFile,
  type DescMessage,
  fromJson,
  fromJsonString,
  type JsonValue,
  type Message,
  type MessageInitShape,
  type Registry,
  toJson,
  toJsonString,
} from "@bufbuild/protobuf";
import { type JsonForm, type MessageCodec, messageOf } from "./message-codec.ts";

/** The JSON form of a codec, made at its first use. */
export function useJson(codec: MessageCodec): JsonForm {
  codec.json ??= new JsonCodec(codec.file);
  return codec.json;
}

/** `google.protobuf.Any` may have the types of the service's files. */
class JsonCodec implements JsonForm {
  readonly #file: DescFile;
  #registry: Registry | undefined;

  constructor(file: DescFile) {
    this.#file = file;
  }

  get #types(): Registry {
    this.#registry ??= createRegistry(...filesOf(this.#file));
    return this.#registry;
  }

  schemaOf(type: string): DescMessage | undefined {
    return this.#types.getMessage(type);
  }

  value(schema: DescMessage, message: Message): JsonValue {
    return toJson(schema, message, { registry: this.#types });
  }

  whole(schema: DescMessage, message: Message): JsonValue {
    return toJson(schema, message, { registry: this.#types, alwaysEmitImplicit: true });
  }

  read(schema: DescMessage, value: JsonValue): Message {
    return fromJson(schema, value, { registry: this.#types });
  }

  text(schema: DescMessage, value: MessageInitShape<DescMessage>): string {
    return toJsonString(schema, messageOf(schema, value), { registry: this.#types });
  }

  /** Unknown keys are ignored, as in Connect. Error: the library's, for a text that is no such message. */
  parse(schema: DescMessage, text: string): Message {
    return fromJsonString(schema, text === "" ? "{}" : text, {
      registry: this.#types,
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
