import { describe, expect, it } from "vitest";
import { MIB } from "../../../contracts/index.ts";
import { createCpuAccounts } from "./cpu-accounts.ts";

describe("CPU accounts", () => {
  it("count the entries of a request together, and of each request alone", () => {
    const accounts = createCpuAccounts(100);
    for (const id of [1, 2]) accounts.open(id);
    accounts.charge([1], 60);
    accounts.charge([2], 70);
    accounts.charge([1], 90);
    expect([accounts.allowance(1), accounts.allowance(2)]).toEqual([20, 90]);
    accounts.charge([1], 200);
    expect(accounts.allowance(1)).toBe(0);
  });

  it("give every entry that is nobody's the whole time", () => {
    const accounts = createCpuAccounts(100);
    for (const id of [1, 2]) accounts.open(id);
    accounts.charge([0], 90);
    accounts.charge([0], 180);
    expect(accounts.allowance(0)).toBe(100);
  });

  it("give more for bodies that pass", () => {
    const accounts = createCpuAccounts(100);
    for (const id of [1, 2]) accounts.open(id);
    accounts.charge([1], 100);
    expect(accounts.allowance(1)).toBe(0);
    accounts.extend(1, 40 * MIB);
    expect(accounts.allowance(1)).toBe(200);
  });

  it("forget what is over", () => {
    const accounts = createCpuAccounts(100);
    for (const id of [1, 2]) accounts.open(id);
    accounts.charge([1], 100);
    accounts.forget(1);
    expect(accounts.allowance(1)).toBe(100);
  });

  it("leave nothing to what was ended for its time, while it is open and afterwards", () => {
    const accounts = createCpuAccounts(100);
    for (const id of [1, 2]) accounts.open(id);
    accounts.charge([1], 100);
    accounts.exhaust(1);
    accounts.forget(1);
    expect([accounts.allowance(1), accounts.allowance(2), accounts.allowance(0)]).toEqual([0, 100, 100]);
  });

  it("are not confused by a clock that was read in another order", () => {
    const accounts = createCpuAccounts(100);
    for (const id of [1, 2]) accounts.open(id);
    accounts.charge([1], 50);
    accounts.charge([2], 40);
    expect(accounts.balance(2).usedMs).toBe(0);
    accounts.charge([2], 60);
    expect(accounts.balance(2).usedMs).toBe(10);
  });

  it("count the time on the wall until they know what of it was CPU time", () => {
    const accounts = createCpuAccounts(100);
    for (const id of [1, 2]) accounts.open(id);
    accounts.charge([1], 80);
    accounts.charge([2], 200);
    expect([accounts.allowance(1), accounts.allowance(2), accounts.unsettledMs]).toEqual([20, 0, 200]);
    accounts.settle(0.25);
    expect([accounts.allowance(1), accounts.allowance(2), accounts.unsettledMs]).toEqual([80, 70, 0]);
    accounts.settle(0);
    accounts.spend(2, 60);
    expect([accounts.allowance(1), accounts.allowance(2)]).toEqual([80, 10]);
  });

  it("share the time of entries that have run one after the other, but for the time that only the last can have taken", () => {
    const accounts = createCpuAccounts(100);
    for (const id of [1, 2, 3, 4]) accounts.open(id);
    accounts.charge([1, 2, 3, 4], 2);
    expect([1, 2, 3, 4].map((id) => accounts.balance(id).usedMs)).toEqual([0.5, 0.5, 0.5, 0.5]);
    accounts.charge([1, 2, 3, 4], 52);
    expect([1, 2, 3, 4].map((id) => accounts.balance(id).usedMs)).toEqual([1, 1, 1, 49]);
    accounts.settle(0.5);
    expect([1, 4].map((id) => accounts.balance(id).usedMs)).toEqual([0.5, 24.5]);
  });

  it("know what the entry that runs has taken, in as many parts as it is charged", () => {
    const accounts = createCpuAccounts(100);
    accounts.open(1);
    accounts.charge([1], 50);
    accounts.beginStretch();
    accounts.charge([1], 90);
    accounts.settle(0.5);
    accounts.charge([1], 110);
    expect([accounts.stretchMs, accounts.balance(1).usedMs]).toEqual([40, 65]);
    accounts.beginStretch();
    accounts.settle(0.5);
    expect([accounts.stretchMs, accounts.balance(1).usedMs]).toEqual([0, 55]);
  });
});
