/** The interop tests of the gRPC project (doc/interop-test-descriptions.md), by its own client in Go. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, it } from "vitest";
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

describe.skipIf(!existsSync(CLIENT))("grpc-go's interop client", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
    await world.push("interop", interopSource);
  }, 60_000);
  afterAll(() => world[Symbol.asyncDispose]());

  it.each(CASES)("passes %s", async (testCase) => {
    const [host, port] = (world.gateway.grpcAddress ?? "").split(":");
    await run(CLIENT, [`-server_host=${host}`, `-server_port=${port}`, `-test_case=${testCase}`]);
  });
});
