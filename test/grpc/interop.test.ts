/** The interop tests of the gRPC project (doc/interop-test-descriptions.md), by its own client in Go. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joined, protoField, readProto } from "../../gateway/grpc/protobuf.ts";
import { startWorld, type World } from "../harness/world.ts";
import { interopSource } from "./interop-service.ts";

const CLIENT = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
  "narun/peers/grpc-interop-client-v1.85.0",
);
const CASES = [
  ...["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream"],
  ...["timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response"],
  ...["status_code_and_message", "special_status_message", "custom_metadata"],
  ...["unimplemented_method", "unimplemented_service"],
];
const run = promisify(execFile);

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("interop", interopSource);
});
afterAll(() => world[Symbol.asyncDispose]());

describe.skipIf(!existsSync(CLIENT))("grpc-go's interop client", () => {
  it.each(CASES)("passes %s", async (testCase) => {
    const [host, port] = (world.gateway.grpcAddress ?? "").split(":");
    await run(CLIENT, [`-server_host=${host}`, `-server_port=${port}`, `-test_case=${testCase}`]);
  });
});

/** The cases that grpc-go's client lacks. */
describe("grpc-js", () => {
  const [IDENTITY, GZIP] = [0, 2];
  const SIZE = 27_182;
  /** `StreamingInputCallRequest`: a payload of zeros, which has to come compressed. */
  const message = Buffer.from(
    joined([protoField(1, protoField(2, new Uint8Array(SIZE))), protoField(2, protoField(1, 1))]),
  );
  const send = (compression: number, count: number) =>
    new Promise<number | string>((resolve) => {
      const client = new Client(world.gateway.grpcAddress ?? "", credentials.createInsecure(), {
        "grpc.default_compression_algorithm": compression,
      });
      const call = client.makeClientStreamRequest(
        "/grpc.testing.TestService/StreamingInputCall",
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => readProto(bytes)?.[0]?.value ?? 0,
        (error: ServiceError | null, sum?: number) => {
          client.close();
          resolve(error === null ? (sum ?? -1) : (status[error.code] ?? ""));
        },
      );
      for (let sent = 0; sent < count; sent += 1) call.write(message);
      call.end();
    });

  it("passes client_compressed_unary and client_compressed_streaming", async () => {
    expect(await send(GZIP, 1)).toBe(SIZE);
    expect(await send(GZIP, 3)).toBe(3 * SIZE);
    expect(await send(IDENTITY, 1)).toBe(SIZE);
  });
});
