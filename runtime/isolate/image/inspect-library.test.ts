import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { editLibrary, inspectLibraryFile } from "./inspect-library.ts";

it("finds every place that it edits in the library that is installed", () => {
  const missing: string[] = [];
  editLibrary(readFileSync(inspectLibraryFile(), "utf8"), (library) => missing.push(library));
  expect(missing).toEqual([]);
});
