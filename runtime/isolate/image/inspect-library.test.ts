import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { editLibrary, inspectLibraryFile } from "./inspect-library.ts";

it("finds the place of every edit in the installed library", () => {
  const missing: string[] = [];
  editLibrary(readFileSync(inspectLibraryFile(), "utf8"), (library) => missing.push(library));
  expect(missing).toEqual([]);
});
