/** The actions of a service over gRPC, by a `.proto` file: called by grpc-js and grpcurl through the gateway. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import {
  createFileRegistry,
  type DescService,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSource } from "../harness/function-source.ts";
import { peerProgram } from "../harness/peers.ts";
import { startWorld, type World } from "../harness/world.ts";

const PROTO = `syntax = "proto3";
package shop.v1;

message PayRequest {
  string id = 1;
  int64 cents = 2;
  repeated int64 tips = 3;
  optional string note = 4;
  Address address = 5;
}
message Address { string city = 1; }
message Receipt {
  string order_id = 1;
  int64 paid = 2;
  string caller = 3;
  string trace = 4;
}
message OrderNotFound { string id = 1; }
message Nothing {}

service Shop {
  rpc Pay(PayRequest) returns (Receipt);
  rpc FindOrder(OrderNotFound) returns (Receipt);
  rpc Clear(Nothing) returns (Nothing);
}
`;

const SHOP = `
import { grpc, service } from "narun";
import { z } from "zod";
import { Shop } from "./shop.proto";

const Receipt = z.object({ orderId: z.string(), paid: z.number(), caller: z.string().optional(), trace: z.string().optional() });
const shop = service({
  name: "shop",
  version: "1.2.0",
  errors: {
    OrderNotFound: { status: 404, data: z.object({ id: z.string() }) },
    TooMuch: { status: 409, data: z.object({ most: z.number() }) },
    Busy: { status: 503 },
  },
})
  .action("pay", {
    path: "shop/{id}/pay",
    input: z.object({
      id: z.string().min(1), cents: z.int(), tips: z.array(z.int()), note: z.string().optional(),
      address: z.object({ city: z.string() }).optional(),
    }),
    output: Receipt,
  }, async ({ id, cents, tips, note, address }, ctx) => {
    if (id === "none") throw ctx.error("OrderNotFound", { id });
    if (id === "much") throw ctx.error("TooMuch", { most: 5 });
    if (id === "busy") throw ctx.error("Busy");
    if (id === "bug") throw new Error("mark-of-a-bug");
    if (id === "slow") await new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
    return {
      orderId: [id, note, address?.city].filter(Boolean).join(","),
      paid: tips.reduce((sum, tip) => sum + tip, cents),
      caller: ctx.headers.get("narun-caller") ?? "nobody",
      trace: ctx.headers.get("x-shop") ?? "",
    };
  })
  .action("find", { output: Receipt, input: z.object({ id: z.string() }) }, ({ id }) => ({ orderId: id, paid: 0 }))
  .action("clear", {}, () => undefined);

export default grpc(Shop, shop, { actions: { findOrder: "find" } });
`;
const source = { "index.ts": SHOP, "shop.proto": PROTO };

let world: World;
let client: Client;
let shop: DescService;
beforeAll(async () => {
  world = await startWorld();
  await world.push("shop", source);
  const { descriptors = new Uint8Array() } = await buildSource("shop", source);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  shop = registry.getService("shop.v1.Shop") as DescService;
  client = new Client(world.gateway.grpcAddress ?? "", credentials.createInsecure());
}, 120_000);
afterAll(async () => {
  client?.close();
  await world[Symbol.asyncDispose]();
});

interface Outcome {
  code: number;
  reply?: JsonValue;
  details: string;
  trailing: Metadata;
}

function call(method: string, input: JsonValue, fields: Record<string, string> = {}, ms = 30_000) {
  const desc = shop.method[method];
  if (desc === undefined) throw new Error(`no method ${method}`);
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
  return new Promise<Outcome>((resolve) => {
    client.makeUnaryRequest(
      `/shop.v1.Shop/${desc.name}`,
      (message: Uint8Array) => Buffer.from(message),
      (bytes: Buffer) => toJson(desc.output, fromBinary(desc.output, bytes)),
      toBinary(desc.input, fromJson(desc.input, input)),
      metadata,
      { deadline: Date.now() + ms },
      (error: ServiceError | null, reply?: JsonValue) => {
        const trailing = error?.metadata ?? new Metadata();
        const { code = status.OK, details = "" } = error ?? {};
        resolve({ code, details, trailing, ...(reply === undefined ? {} : { reply }) });
      },
    );
  });
}

/** The details of `grpc-status-details-bin`, by the names of their types. */
function detailsOf({ trailing }: Outcome): Map<string, Uint8Array> {
  const [bytes] = trailing.get("grpc-status-details-bin");
  if (!(bytes instanceof Buffer)) return new Map();
  const field = (from: Uint8Array, wanted: number) => {
    const found: Uint8Array[] = [];
    for (let at = 0; at < from.length; ) {
      const tag = from[at] ?? 0;
      const length = from[at + 1] ?? 0;
      if (tag % 8 === 0) at += 2;
      else {
        if (tag >> 3 === wanted) found.push(from.subarray(at + 2, at + 2 + length));
        at += 2 + length;
      }
    }
    return found;
  };
  return new Map(
    field(bytes, 3).map((any) => [
      Buffer.from(field(any, 1)[0] ?? [])
        .toString()
        .replace("type.googleapis.com/", ""),
      field(any, 2)[0] ?? new Uint8Array(),
    ]),
  );
}

describe("an action as a method", () => {
  it("gets the message as its input, and answers with a message", async () => {
    const input = { id: "7", cents: "250", tips: ["5"], note: "soon", address: { city: "Bern" } };
    expect(await call("pay", input)).toMatchObject({
      code: status.OK,
      reply: { orderId: "7,soon,Bern", paid: "255", caller: "nobody" },
    });
  });

  it("gets the fields that have their default value, and lacks optional ones that are not set", async () => {
    expect(await call("pay", { id: "8" })).toMatchObject({ code: status.OK, reply: { orderId: "8" } });
  });

  it("is found under another name, and may have no input and no answer", async () => {
    expect(await call("findOrder", { id: "x" })).toMatchObject({ code: status.OK, reply: { orderId: "x" } });
    expect(await call("clear", {})).toMatchObject({ code: status.OK, reply: {} });
  });

  it("sees the caller's metadata, and no name that the caller gives itself", async () => {
    const { reply } = await call("pay", { id: "7" }, { "x-shop": "here", "narun-caller": "forged" });
    expect(reply).toMatchObject({ trace: "here", caller: "nobody" });
  });

  it("ends at the caller's deadline", async () => {
    expect(await call("pay", { id: "slow" }, {}, 1_000)).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  });

  it("is called by HTTP and by NATS as before", async () => {
    const told = await world.call("/shop/9/pay", { method: "POST", body: '{"cents":1,"tips":[]}' });
    expect(JSON.parse(told.text)).toMatchObject({ orderId: "9", paid: 1 });
    const reply = await world.connection.request("shop.find", '{"id":"n"}', { timeoutMs: 30_000 });
    expect(JSON.parse(Buffer.from(reply.data).toString())).toMatchObject({ orderId: "n" });
  });
});

describe("an error", () => {
  it("that is declared has its code, its name, and its data as the message of that name", async () => {
    const outcome = await call("pay", { id: "none" });
    expect(outcome).toMatchObject({ code: status.NOT_FOUND, details: "OrderNotFound" });
    const details = detailsOf(outcome);
    expect(Buffer.from(details.get("google.rpc.ErrorInfo") ?? []).toString()).toContain("OrderNotFound");
    const message = shop.file.messages.find(({ name }) => name === "OrderNotFound");
    if (message === undefined) throw new Error("no message");
    expect(
      toJson(message, fromBinary(message, details.get("shop.v1.OrderNotFound") ?? new Uint8Array())),
    ).toEqual({
      id: "none",
    });
  });

  it("that has no message has its data as a value of JSON", async () => {
    const outcome = await call("pay", { id: "much" });
    expect(outcome.code).toBe(status.ABORTED);
    const value = detailsOf(outcome).get("google.protobuf.Value") ?? new Uint8Array();
    expect(toJson(ValueSchema, fromBinary(ValueSchema, value))).toEqual({ most: 5 });
    expect(await call("pay", { id: "busy" })).toMatchObject({ code: status.UNAVAILABLE, details: "Busy" });
  });

  it("of the input names the field", async () => {
    const outcome = await call("pay", { id: "" });
    expect(outcome.code).toBe(status.INVALID_ARGUMENT);
    expect(outcome.details).toContain("shop.pay: id:");
    expect(Buffer.from(detailsOf(outcome).get("google.rpc.BadRequest") ?? []).toString()).toContain("id");
    expect(await call("pay", { id: "7", cents: "9007199254740993" })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining("shop.pay: cents:"),
    });
  });

  it("of the code tells nothing of it", async () => {
    const outcome = await call("pay", { id: "bug" });
    expect(outcome).toMatchObject({ code: status.INTERNAL, details: "the function failed" });
  });
});

it("a .proto file that does not fit the actions is refused by the push, which names the place", async () => {
  const misfit = { ...source, "shop.proto": PROTO.replace("string city", "string town") };
  const pushed: unknown = await world.push("shop", misfit).catch((error: unknown) => error);
  expect(pushed).toMatchObject({
    code: "TRIAL_FAILED",
    fields: { reason: "GRPC_MISMATCH" },
    message: expect.stringContaining('Shop.Pay does not fit the input of the action "pay" at address.city'),
  });
});

it("a sealed action has no method, as its input would be in clear; beside methods of others it stays as it is", async () => {
  const sealed = (name: string) => ({
    ...source,
    "index.ts": SHOP.replace(`.action("${name}", {`, `.action("${name}", { encrypt: "payments",`),
  });
  const pushed: unknown = await world.push("shop", sealed("find")).catch((error: unknown) => error);
  expect(pushed).toMatchObject({
    code: "TRIAL_FAILED",
    fields: { reason: "GRPC_MISMATCH" },
    message: expect.stringContaining(
      'Shop.FindOrder is the action "find", whose calls are sealed for "payments"',
    ),
  });
  const beside = `.action("card", { encrypt: "payments" }, () => "read")\n  .action("clear"`;
  const other: unknown = await world
    .push("shop", { ...source, "index.ts": SHOP.replace('.action("clear"', beside) })
    .catch((error: unknown) => error);
  // This world has no keys: the label fails, and no method.
  expect(other).toMatchObject({ fields: { reason: expect.stringMatching(/^(?:KEYS_|DIRECTORY_|LABEL_)/) } });
});

const GRPCURL = peerProgram("grpcurl-v1.9.4");
describe.skipIf(GRPCURL === undefined)("grpcurl (grpc-go)", () => {
  it("describes the service by reflection, and calls an action", async () => {
    const grpcurl = async (...args: string[]) =>
      (await promisify(execFile)(GRPCURL ?? "", ["-plaintext", ...args])).stdout;
    const address = world.gateway.grpcAddress ?? "";
    expect(await grpcurl(address, "describe", "shop.v1.Shop")).toContain("rpc Pay");
    const paid = await grpcurl("-d", '{"id":"g","cents":3}', address, "shop.v1.Shop/Pay");
    expect(JSON.parse(paid)).toMatchObject({ orderId: "g", paid: "3" });
    await expect(grpcurl("-d", '{"id":"none"}', address, "shop.v1.Shop/Pay")).rejects.toMatchObject({
      stderr: expect.stringMatching(/NotFound[\s\S]*OrderNotFound/),
    });
  });
});
