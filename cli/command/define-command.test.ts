import { expect, test } from "vitest";
import { outputOptions } from "../options/common.ts";
import { resolveOptions } from "../options/resolve.ts";
import { outputOf } from "./define-command.ts";

test.each([
  [{}, true],
  [{ TERM: "xterm", NO_COLOR: "" }, true],
  [{ NO_COLOR: "1" }, false],
  [{ TERM: "dumb" }, false],
])("with the environment %j colours are %j", async (environment, hasColours) => {
  expect(outputOf(await resolveOptions(outputOptions, {}, environment))).toEqual({
    json: false,
    quiet: false,
    hasColours,
  });
});
