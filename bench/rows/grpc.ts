/** gRPC by one client of grpc-js: calls of one message each way, and answers of many messages. */
import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { Bench } from "../frame/bench.ts";
import type { Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { startGrpcServer } from "../peers/servers.ts";
import { startSystem } from "../system.ts";

const CALLS = 32;
const STREAMS = 8;
const STREAM_MESSAGES = 1_000;
const TEXT_BYTES = 64;

const PROTO = `syntax = "proto3";
package bench;
message Text { string text = 1; int32 count = 2; }
service Echo {
  rpc Say(Text) returns (Text);
  rpc List(Text) returns (stream Text);
}
`;

const FUNCTION = {
  name: "rpc",
  code: `// @ts-nocheck
import { grpc } from "narun";
import { Echo } from "./echo.proto";
export default grpc(Echo, {
  say: ({ text }) => ({ text }),
  async *list({ text, count }) {
    for (let sent = 1; sent <= count; sent += 1) yield { text, count: sent };
  },
});
`,
  config: "",
  files: { "echo.proto": PROTO },
};

const rows = () => ({
  unary: {
    name: "gRPC, calls of 64 bytes, 32 at a time",
    unit: "calls/s",
    targets: [{ atLeast: 0.6, of: "grpc-js" }],
  },
  streaming: {
    name: "gRPC, answers of 1,000 messages, 8 at a time",
    unit: "messages/s",
    targets: [{ atLeast: 0.4, of: "grpc-js" }],
  },
});

export const grpc: Section = { rows, measure, needs: [] };

async function measure(bench: Bench): Promise<void> {
  const seconds = bench.loadSeconds;
  bench.heading(`gRPC by one client, ${bench.rounds} rounds of ${seconds} s in turns`);
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(await writeFunctions([FUNCTION]));
  const addresses = new Map<string, string>();
  for (const [name, root] of Object.entries(bench.roots))
    addresses.set(name, stack.use(await startSystem([functions.folder], { root })).grpc);
  const peer = stack.use(await startGrpcServer(join(functions.folder, FUNCTION.name, "echo.proto")));
  addresses.set("grpc-js", peer.http);
  for (const address of addresses.values()) {
    await load(address, CALLS, bench.warmUpSeconds, say);
    await load(address, STREAMS, bench.warmUpSeconds, list);
  }
  const systems = (width: number, call: typeof say) =>
    Object.fromEntries([...addresses].map(([name, to]) => [name, () => load(to, width, seconds, call)]));
  await bench.takeTurns(rows().unary, systems(CALLS, say));
  await bench.takeTurns(rows().streaming, systems(STREAMS, list));
}

/** Counts the messages of calls that follow each other, so many at a time. */
async function load(address: string, width: number, seconds: number, call: typeof say): Promise<Sample> {
  const client = new Client(address, credentials.createInsecure());
  const endsAt = performance.now() + seconds * 1_000;
  let [messages, errors] = [0, 0];
  const repeat = async () => {
    while (performance.now() < endsAt) {
      const received = await call(client);
      if (received === undefined) errors += 1;
      else messages += received;
    }
  };
  await Promise.all(Array.from({ length: width }, repeat));
  client.close();
  return { value: messages / seconds, errors };
}

const text = Buffer.from("x".repeat(TEXT_BYTES));
const ASKED = Buffer.concat([
  Buffer.from([10, TEXT_BYTES]),
  text,
  Buffer.from([16, ...varint(STREAM_MESSAGES)]),
]);
const serialize = (bytes: Buffer) => bytes;
const deserialize = (bytes: Buffer) => bytes.byteLength;

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

/** The number of messages of the answer; undefined where the call failed. */
function say(client: Client): Promise<number | undefined> {
  return new Promise((resolve) =>
    client.makeUnaryRequest("/bench.Echo/Say", serialize, deserialize, ASKED, (error) =>
      resolve(error === null ? 1 : undefined),
    ),
  );
}

function list(client: Client): Promise<number | undefined> {
  const call = client.makeServerStreamRequest(
    "/bench.Echo/List",
    serialize,
    deserialize,
    ASKED,
    new Metadata(),
  );
  let received = 0;
  call.on("data", () => {
    received += 1;
  });
  return new Promise((resolve) => {
    call.on("error", () => resolve(undefined));
    call.on("end", () => resolve(received === STREAM_MESSAGES ? received : undefined));
  });
}
