import { expect, it } from "vitest";
import { grant } from "./changes.ts";
import { openFields, sealFields } from "./index.ts";
import { createTestNetwork } from "./testing/network.ts";

const fields = { card: "payments", "address.street": "support", note: "payments" };
const customer = { name: "Ann", card: "4111", address: { street: "Main 1", town: "Rome" }, tags: [1] };
const row = ["customers", "42"];

async function twoReaders() {
  const network = await createTestNetwork();
  await network.add("node:n1");
  for (const [label, recipients] of [
    ["payments", ["service:shop", "service:billing"]],
    ["support", ["service:shop", "service:desk"]],
  ] as const)
    for (const recipient of recipients)
      await network.change((from, root) => grant(from, root, { label, recipient }));
  return (name: string) => network.sealer(`service:${name}`, "node:n1");
}

it("are stored with parts that only some can read", async () => {
  const readers = await twoReaders();
  const stored = await sealFields(readers("shop"), customer, { fields, row });
  expect(JSON.stringify(stored)).not.toMatch(/4111|Main/);
  expect(stored).toMatchObject({ name: "Ann", address: { town: "Rome" }, tags: [1] });
  expect(customer.card).toBe("4111");
  const open = (name: string) => openFields(readers(name), stored, { fields, row });
  expect(await open("shop")).toEqual({ value: customer, closed: [] });
  expect(await open("desk")).toEqual({
    value: { name: "Ann", address: customer.address, tags: [1] },
    closed: ["card"],
  });
  expect((await open("billing")).closed).toEqual(["address.street"]);
  expect((await open("stranger")).closed).toEqual(["card", "address.street"]);
});

it("are refused where they were swapped, moved to another row, or are in clear", async () => {
  const readers = await twoReaders();
  const shop = readers("shop");
  const stored: Record<string, unknown> = { ...(await sealFields(shop, customer, { fields, row })) };
  const open = (value: Record<string, unknown>, from = row) => openFields(shop, value, { fields, row: from });
  await expect(open({ note: stored.card })).rejects.toMatchObject({ code: "SEAL_MOVED" });
  await expect(open({ ...stored, address: { street: stored.card } })).rejects.toMatchObject({
    code: "SEAL_MOVED",
  });
  await expect(open(stored, ["customers", "43"])).rejects.toMatchObject({ code: "SEAL_MOVED" });
  for (const clear of ["4111", 4111, null, { a: 1 }])
    await expect(open({ ...stored, card: clear })).rejects.toMatchObject({ code: "SEAL_MISSING" });
  await expect(sealFields(readers("desk"), customer, { fields, row })).rejects.toMatchObject({
    code: "LABEL_NOT_GRANTED",
  });
});
