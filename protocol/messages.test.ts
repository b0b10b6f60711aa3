/** The messages of the protocols of Runtara: golden bytes, fields that are not known, generated files. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { environment, instance } from "./index.ts";
import { descriptorOf, FOLDER, findPlugin, generate } from "./testing/generate.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

function vector<S extends DescMessage>(
  name: string,
  schema: S,
  message: MessageInitShape<S>,
  bytes: string,
): [name: string, schema: DescMessage, message: unknown, bytes: string] {
  return [name, schema, message, bytes.replaceAll(" ", "")];
}

/** Written by hand after the encoding of Protobuf: tag, length, value. */
const VECTORS = [
  vector(
    "register_instance",
    instance.RpcRequestSchema,
    { request: { case: "registerInstance", value: { instanceId: "i", tenantId: "t" } } },
    "0a06 0a0169 120174",
  ),
  vector(
    "sleep",
    instance.RpcRequestSchema,
    {
      request: {
        case: "sleep",
        value: { instanceId: "i", durationMs: 300n, checkpointId: "c", state: Uint8Array.of(255) },
      },
    },
    "220c 0a0169 10ac02 1a0163 2201ff",
  ),
  vector(
    "instance_event",
    instance.RpcRequestSchema,
    {
      request: {
        case: "instanceEvent",
        value: {
          instanceId: "i",
          eventType: instance.InstanceEventType.CUSTOM,
          timestampMs: 1n,
          subtype: "s",
        },
      },
    },
    "2a0a 0a0169 1005 2801 320173",
  ),
  vector(
    "poll_signals",
    instance.RpcRequestSchema,
    { request: { case: "pollSignals", value: { instanceId: "i" } } },
    "5203 0a0169",
  ),
  vector(
    "signal_ack",
    instance.RpcRequestSchema,
    {
      request: {
        case: "signalAck",
        value: { instanceId: "i", signalType: instance.SignalType.PAUSE, acknowledged: true },
      },
    },
    "5a07 0a0169 1001 1801",
  ),
  vector(
    "retry_attempt",
    instance.RpcRequestSchema,
    { request: { case: "retryAttempt", value: { instanceId: "i", checkpointId: "c", attemptNumber: 2 } } },
    "6208 0a0169 120163 1802",
  ),
  vector(
    "the reply to a checkpoint, with signals",
    instance.RpcResponseSchema,
    {
      response: {
        case: "checkpoint",
        value: {
          found: true,
          state: Uint8Array.of(1),
          pendingSignal: { instanceId: "i", signalType: instance.SignalType.CANCEL },
          customSignal: { checkpointId: "c" },
        },
      },
    },
    "420f 0801 120101 1a03 0a0169 2203 0a0163",
  ),
  vector(
    "an error",
    instance.RpcResponseSchema,
    { response: { case: "error", value: { code: "C", message: "m" } } },
    "7a06 0a0143 12016d",
  ),
  vector(
    "start_instance",
    environment.RpcRequestSchema,
    {
      request: {
        case: "startInstance",
        value: { imageId: "m", tenantId: "t", input: Uint8Array.of(0x7b, 0x7d), env: { K: "v" } },
      },
    },
    "3a12 0a016d 120174 22027b7d 3206 0a014b 120176",
  ),
  vector(
    "register_image_stream",
    environment.RpcRequestSchema,
    {
      request: {
        case: "registerImageStream",
        value: { tenantId: "t", name: "n", binarySize: 5n, runnerType: environment.RunnerType.NATIVE },
      },
    },
    "1a0a 0a0174 12016e 2005 2801",
  ),
  vector(
    "send_custom_signal",
    environment.RpcRequestSchema,
    { request: { case: "sendCustomSignal", value: { instanceId: "i", checkpointId: "c" } } },
    "9a0106 0a0169 120163",
  ),
  vector(
    "the reply to health_check",
    environment.RpcResponseSchema,
    { response: { case: "healthCheck", value: { healthy: true, version: "v", uptimeMs: 1n } } },
    "0a07 0801 120176 1801",
  ),
];

describe("a message", () => {
  it.each(VECTORS)("%s has these bytes", (_name, schema, init, bytes) => {
    const message = create(schema, init as MessageInitShape<DescMessage>);
    expect(hex(toBinary(schema, message))).toBe(bytes);
    expect(fromBinary(schema, unhex(bytes))).toEqual(message);
  });

  it("poll_signals and the environment's get_instance_status are the same bytes: each protocol needs its own port", () => {
    const [, , , bytes = ""] = VECTORS.find(([name]) => name === "poll_signals") ?? [];
    const read = fromBinary(environment.RpcRequestSchema, unhex(bytes));
    expect(read.request).toMatchObject({ case: "getInstanceStatus", value: { instanceId: "i" } });
  });

  it.each([
    // A field of a later version in the message, and a call of one.
    ["within a call", "52080a0169fa3f027a7a"],
    ["a call that is not known", "fa3f0161"],
    ["a call whose fields are not read", "6a0612046e616d65"],
  ])("keeps what it does not know: %s", (_name, bytes) => {
    for (const schema of [instance.RpcRequestSchema, environment.RpcRequestSchema])
      expect(hex(toBinary(schema, fromBinary(schema, unhex(bytes))))).toBe(bytes);
  });
});

describe("the generated files", () => {
  it.each([
    ["instance.proto", instance.file_instance],
    ["environment.proto", environment.file_environment],
  ] as const)("have the descriptors of %s", async (name, file) => {
    const own = toBinary(FileDescriptorProtoSchema, await descriptorOf(name));
    const known = fromBinary(FileDescriptorProtoSchema, toBinary(FileDescriptorProtoSchema, file.proto));
    expect(known).toEqual(fromBinary(FileDescriptorProtoSchema, own));
  });

  const plugin = findPlugin();
  it.skipIf(plugin === undefined)("are those that protoc-gen-es writes now", async () => {
    for (const [name, content] of await generate(plugin ?? ""))
      expect(await readFile(join(FOLDER, name), "utf8"), name).toBe(content);
  });
});
