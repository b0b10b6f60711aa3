/** A method of a service as a caller needs it that has descriptors and JSON: messages of both directions. */
import {
  createFileRegistry,
  createRegistry,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  fromJsonString,
  type JsonValue,
  type Registry,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { type Any, AnySchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { messageOf, NarunError } from "../../contracts/index.ts";
import { compileEmbedded } from "./compile.ts";

export interface CalledMethod {
  /** `/pkg.Svc/Method` */
  readonly path: string;
  /** Whether the caller sends a stream of messages. */
  readonly takesStream: boolean;
  /** The bytes of a message. Error: the library's, for a text that is no such message. */
  encode(json: string): Uint8Array;
  /** Error: the library's, for bytes that are no such message. */
  decode(bytes: Uint8Array): JsonValue;
  /** The details of a `google.rpc.Status`. A detail of a type that is not known stays bytes, as base64. */
  decodeDetails(status: Uint8Array): JsonValue[];
}

/**
 * A service's method, or the names of its methods. Undefined: the descriptors have no such service. Error: GRPC_UNKNOWN, for
 * bytes that are no descriptors.
 */
export async function findMethod(
  descriptors: Uint8Array,
  service: string,
  method: string,
): Promise<CalledMethod | string[] | undefined> {
  const files = registryOf(descriptors);
  const desc = files.getService(service);
  if (desc === undefined) return undefined;
  const found = desc.methods.find(({ name, localName }) => name === method || localName === method);
  if (found === undefined) return desc.methods.map(({ name }) => name);
  const { set } = await compileEmbedded("google/rpc/error_details.proto");
  const { set: ofStatus } = await compileEmbedded("google/rpc/status.proto");
  return methodOf(found, createRegistry(files, createFileRegistry(set), createFileRegistry(ofStatus)));
}

function registryOf(descriptors: Uint8Array): FileRegistry {
  try {
    return createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  } catch (error) {
    const detail = `its descriptors cannot be read: ${messageOf(error)}`;
    throw new NarunError("GRPC_UNKNOWN", { detail }, { cause: error });
  }
}

function methodOf(desc: DescMethod, registry: Registry): CalledMethod {
  const { parent, name, input, output, methodKind } = desc;
  return {
    path: `/${parent.typeName}/${name}`,
    takesStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    encode: (json) => toBinary(input, fromJsonString(input, json, { registry })),
    decode: (bytes) => toJson(output, fromBinary(output, bytes), { registry }),
    decodeDetails: (status) => detailsOf(status, registry),
  };
}

function detailsOf(status: Uint8Array, registry: Registry): JsonValue[] {
  const schema = registry.getMessage("google.rpc.Status");
  if (schema === undefined) return [];
  try {
    const message = fromBinary(schema, status) as unknown as { details: Any[] };
    return message.details.map((detail) => {
      const type = registry.getMessage(detail.typeUrl.replace(/^.*\//, ""));
      return type === undefined
        ? { "@type": detail.typeUrl, base64: Buffer.from(detail.value).toString("base64") }
        : toJson(AnySchema, detail, { registry });
    });
  } catch {
    // The function wrote bytes that are none.
    return [];
  }
}
