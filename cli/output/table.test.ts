import { describe, expect, it } from "vitest";
import { type Column, formatTable } from "./table.ts";

interface Row {
  name: string;
  count: number;
  state: string;
}

const rows: Row[] = [
  { name: "a", count: 7, state: "ok" },
  { name: "longer", count: 1234, state: "" },
];
const columns: Column<Row>[] = [
  { title: "NAME", value: (row) => row.name, colour: (text) => `<${text}>` },
  { title: "COUNT", value: (row) => String(row.count), align: "right" },
  { title: "STATE", value: (row) => row.state },
];
const title = (text: string) => text.toLowerCase();

describe("formatTable", () => {
  it("has columns as wide as their widest cell, and no blanks at the end of a line", () => {
    expect(formatTable(columns, rows, { title })).toBe(
      "name    count  state\n<a     >      7  ok\n<longer>   1234\n",
    );
  });

  it("has no head where none is wanted", () => {
    expect(formatTable(columns, rows, { title, hasHead: false })).toBe(
      "<a     >      7  ok\n<longer>   1234\n",
    );
  });

  it("leaves extra columns out where the terminal is too narrow, the last one first", () => {
    const extra = columns.map((column, index) => (index === 0 ? column : { ...column, isExtra: true }));
    expect(formatTable(extra, rows, { title, width: 20 })).toMatch(/^name {4}count {2}state\n/);
    expect(formatTable(extra, rows, { title, width: 19 })).toMatch(/^name {4}count\n/);
    expect(formatTable(extra, rows, { title, width: 5 })).toMatch(/^name\n/);
  });

  it("goes on in the lines below where the last column has no room", () => {
    const found: Column<string>[] = [
      { title: "CHECK", value: () => "hosts" },
      { title: "FOUND", value: (row) => row },
    ];
    const table = formatTable(found, ["own user, process, IPC and mount namespaces"], { title, width: 30 });
    expect(table).toBe("check  found\nhosts  own user, process, IPC\n       and mount namespaces\n");
  });
});
