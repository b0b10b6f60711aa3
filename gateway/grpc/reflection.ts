/**
 * `grpc.reflection.v1.ServerReflection`, and v1alpha, whose messages are the same: the descriptors of the gateway's own
 * services and of functions.
 *
 * I1  Requests of one stream are answered in their order, one at a time.
 * I2  A symbol of a service is looked for at the function that takes the service's calls first.
 */
import { grpcCodes } from "../../contracts/index.ts";
import type { DescriptorIndex } from "./descriptor-index.ts";
import { OK, type OwnMethod } from "./own-call.ts";
import { joined, messagesOf, protoField, readProto, textsOf } from "./protobuf.ts";
import { ownStatus } from "./status.ts";

export interface ReflectionOptions {
  /** All gRPC services that are routed. */
  names(): Iterable<string>;
  /** The descriptors that are known. The services of the function behind `service` come first. */
  indexes(service: string): Promise<DescriptorIndex[]>;
}

/** Numbers of fields in reflection.proto. */
const REQUEST = { file: 3, symbol: 4, extension: 5, extensionNumbers: 6, services: 7 };
const EXTENSION = { type: 1, number: 2 };
const RESPONSE = { host: 1, request: 2, files: 4, extensionNumbers: 5, services: 6, error: 7 };

/** Upper bound of the requests of a stream that wait for their answers. */
const MAX_WAITING = 64;

export function createReflection(options: ReflectionOptions): OwnMethod {
  return (call) => {
    let last: Promise<unknown> = Promise.resolve();
    let waiting = 0;
    let isOver = false;
    return {
      onMessage(message) {
        waiting += 1;
        if (waiting > MAX_WAITING) {
          call.end(
            ownStatus(
              grpcCodes.RESOURCE_EXHAUSTED,
              "HOLD_QUEUE_FULL",
              "too many requests wait for their answers",
            ),
          );
          return;
        }
        last = last.then(async () => {
          const answer = await answerTo(message, options);
          waiting -= 1;
          if (!isOver) call.send(joined([protoField(RESPONSE.request, message), answer]));
        });
      },
      onEnd: () => void last.then(() => isOver || call.end(OK)),
      onOver() {
        isOver = true;
      },
    };
  };
}

async function answerTo(message: Uint8Array, options: ReflectionOptions): Promise<Uint8Array> {
  const fields = readProto(message);
  const asked = fields?.findLast(({ number }) => number >= REQUEST.file && number <= REQUEST.services);
  if (fields === undefined || asked === undefined)
    return failure(grpcCodes.INVALID_ARGUMENT, "the request asks for nothing that is known");
  const [text = ""] = textsOf([asked], asked.number);
  switch (asked.number) {
    case REQUEST.services:
      return protoField(
        RESPONSE.services,
        joined([...options.names()].sort().map((name) => protoField(1, protoField(1, name)))),
      );
    case REQUEST.file:
      return files(await options.indexes(""), () => text, text);
    case REQUEST.symbol: {
      const symbol = text.replace(/^\./, "");
      return files(await options.indexes(symbol), (index) => index.fileOf(symbol), symbol);
    }
    case REQUEST.extension: {
      const { type, number } = extensionIn(messagesOf([asked], asked.number)[0]);
      const find = (index: DescriptorIndex) => index.fileOfExtension(type, number);
      return files(await options.indexes(type), find, `${type} ${number}`);
    }
    default:
      return extensionNumbers(await options.indexes(text), text);
  }
}

/** The first file that is found, with its imports. */
function files(
  indexes: readonly DescriptorIndex[],
  find: (index: DescriptorIndex) => string | undefined,
  asked: string,
): Uint8Array {
  for (const index of indexes) {
    const name = find(index);
    const found = name === undefined ? undefined : index.byName(name);
    if (found !== undefined)
      return protoField(RESPONSE.files, joined(found.map((bytes) => protoField(1, bytes))));
  }
  return failure(grpcCodes.NOT_FOUND, `no descriptor of ${asked} is known`);
}

function extensionNumbers(indexes: readonly DescriptorIndex[], type: string): Uint8Array {
  const found = indexes.map((index) => index.extensionsOf(type)).filter((one) => one !== undefined);
  if (found.length === 0) return failure(grpcCodes.NOT_FOUND, `no descriptor of ${type} is known`);
  const numbers = [...new Set(found.flat())].map((number) => protoField(2, number));
  return protoField(RESPONSE.extensionNumbers, joined([protoField(1, type), ...numbers]));
}

function extensionIn(message: Uint8Array = new Uint8Array()): { type: string; number: number } {
  const fields = readProto(message) ?? [];
  const [type = ""] = textsOf(fields, EXTENSION.type);
  const number = fields.find((field) => field.number === EXTENSION.number)?.value ?? 0;
  return { type: type.replace(/^\./, ""), number };
}

function failure(code: number, message: string): Uint8Array {
  return protoField(RESPONSE.error, joined([protoField(1, code), protoField(2, message)]));
}
