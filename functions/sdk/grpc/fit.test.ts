/** Messages of a `.proto` file beside the schemas of actions: each misfit is named. */
import { createFileRegistry, type DescService } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { compileProto } from "../../../builder/proto/compile.ts";
import { createSourceFolder } from "../../../builder/testing/source-folder.ts";
import { service } from "../service/service.ts";
import { grpc } from "./grpc.ts";

const PROTO = `syntax = "proto3"; package shop.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";
message Pay {
  string id = 1; int64 cents = 2; repeated int64 tips = 3; optional string note = 4; Address address = 5;
  google.protobuf.Timestamp at = 6; Kind kind = 7; map<string, string> labels = 8; google.protobuf.Value any = 9;
}
enum Kind { KIND_UNSPECIFIED = 0; KIND_CARD = 1; }
message Address { string city = 1; Address inner = 2; }
message Receipt { string order_id = 1; double paid = 2; bytes mark = 3; }
service Shop { rpc Pay(Pay) returns (Receipt); }`;

type Address = { city: string; inner?: Address | undefined };
const AddressSchema: z.ZodType<Address> = z.lazy(() =>
  z.object({ city: z.string(), inner: AddressSchema.optional() }),
);
const Input = z.object({
  ...{ id: z.string(), cents: z.int(), tips: z.array(z.int()), note: z.string().optional() },
  ...{ address: AddressSchema.optional(), at: z.iso.datetime().optional() },
  ...{ kind: z.enum(["KIND_UNSPECIFIED", "KIND_CARD"]), labels: z.record(z.string(), z.string()) },
  any: z.unknown(),
});
const Output = z.object({ orderId: z.string(), paid: z.number().nullable(), mark: z.string().optional() });

async function shopOf(proto: string): Promise<DescService> {
  await using folder = await createSourceFolder({ "a.proto": proto });
  const { set } = await compileProto(folder.path("a.proto"), { root: folder.dir });
  return createFileRegistry(set).getService("shop.v1.Shop") as DescService;
}

const describeWith = async (proto: string, input: z.ZodType = Input, output: z.ZodType = Output) =>
  grpc(
    await shopOf(proto),
    service({ name: "shop", version: "1.0.0" }).action("pay", { input, output }, () => ({}) as never),
  ).describe();

describe("messages and schemas", () => {
  it("that fit are described", async () => {
    expect(await describeWith(PROTO)).toMatchObject({ actions: [{ name: "pay" }] });
    expect(await describeWith(PROTO, z.unknown(), z.unknown())).toBeDefined();
    expect(await describeWith(PROTO, z.looseObject({ id: z.string() }))).toBeDefined();
    expect(await describeWith(PROTO, z.record(z.string(), z.unknown()))).toBeDefined();
  });

  it.each([
    [
      "a method without an action",
      ["rpc Pay(", "rpc PayNow("],
      'Shop.PayNow has no action: add .action("payNow"',
    ],
    ["a method that streams", ["(Receipt)", "(stream Receipt)"], "Shop.Pay streams"],
    [
      "a required key without a field",
      ["int64 cents", "int64 sum"],
      "at cents: shop.v1.Pay has no such field",
    ],
    ["a field that the input drops", ["optional string note", "string extra"], "at extra"],
    ["a field of another kind", ["int64 cents", "string cents"], "at cents: the schema has number"],
    ["a list in place of one", ["int64 cents", "repeated int64 cents"], "at cents"],
    ["an element of another kind", ["repeated int64", "repeated bool"], "at tips[]"],
    ["a key of a nested message", ["string city", "string town"], "at address.city"],
    ["a message in place of a text", ["Timestamp at", "Struct at"], "at at"],
    ["a key of the answer without a field", ["order_id", "id"], "at orderId"],
    ["an answer's field of another kind", ["double paid", "bool paid"], "at paid"],
  ])("that do not fit are named: %s", async (_, [from = "", to = ""], text) => {
    await expect(describeWith(PROTO.replace(from, to))).rejects.toMatchObject({
      code: "GRPC_MISMATCH",
      message: expect.stringContaining(text),
    });
  });

  it("that are no objects are named at the value itself", async () => {
    await expect(describeWith(PROTO, z.string())).rejects.toThrow(
      'shop.v1.Shop.Pay does not fit the input of the action "pay": the schema has string',
    );
  });

  it("are one of alternatives", async () => {
    expect(await describeWith(PROTO, z.union([z.string(), Input]))).toBeDefined();
    await expect(describeWith(PROTO, z.union([z.string(), z.number()]))).rejects.toMatchObject({
      code: "GRPC_MISMATCH",
    });
  });
});

it("a name in `actions` that is no method, or an action that is none, is named", async () => {
  const shop = await shopOf(PROTO);
  const own = service({ name: "shop", version: "1.0.0" }).action("buy", {}, () => 1);
  expect(() => grpc(shop, own, { actions: { take: "buy" } }).describe()).toThrow("has no method take");
  expect(() => grpc(shop, own, { actions: { pay: "bought" } }).describe()).toThrow('add .action("bought"');
  expect(grpc(shop, own, { actions: { pay: "buy" } }).describe()).toBeDefined();
});
