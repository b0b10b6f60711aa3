import { describe, expect, it } from "vitest";
import { FunctionFileSchema } from "./function-config.ts";
import { formatYamlIssues, parseYaml } from "./yaml.ts";

const parse = (text: string) => parseYaml(text, FunctionFileSchema);
const issuesOf = (text: string) => {
  const result = parse(text);
  return result.ok ? [] : formatYamlIssues(result.issues).split("\n");
};

describe("narun.yaml", () => {
  it("may be empty: everything has a default", () => {
    const result = parse("");
    expect(result).toMatchObject({
      ok: true,
      value: {
        mode: "isolate",
        scale: { min: 0, max: 20, concurrency: 50, idleSeconds: 60 },
        limits: { memoryMb: 128, cpuMs: 1_000, timeoutMs: 30_000 },
      },
    });
  });

  it.each([
    ["a misspelt key", "name: a\nscal:\n  min: 1", 'line 2: scal: unknown key "scal"; did you mean "scale"?'],
    [
      "one inside another",
      "scale:\n  idelSeconds: 5",
      'line 2: scale.idelSeconds: unknown key "idelSeconds"; did you mean "idleSeconds"?',
    ],
    [
      "one in a list",
      "routes:\n  - path: /a\n    method: [GET]",
      'line 3: routes.0.method: unknown key "method"; did you mean "methods"?',
    ],
    [
      "a value out of bounds",
      "limits:\n  cpuMs: 0",
      "line 2: limits.cpuMs: Too small: expected number to be >=1",
    ],
    ["min over max", "scale: { min: 3, max: 2 }", "line 1: scale.min: min is over max"],
    [
      "a path without a slash",
      "routes:\n  - path: a",
      "line 2: routes.0.path: a path starts with /, and may end in * as a prefix",
    ],
  ])("tells %s by line and key", (_what, text, expected) => {
    expect(issuesOf(text)).toEqual([expected]);
  });

  it("tells everything that is wrong at once", () => {
    expect(issuesOf("nme: a\nmode: exce\nlimits: { memoryMb: 1 }").map((issue) => issue.slice(0, 6))).toEqual(
      ["line 2", "line 3", "line 1"],
    );
  });

  it("tells a key that resembles nothing which keys there are", () => {
    expect(issuesOf("zzzzzzzzz: 1")[0]).toContain("known keys: name, entry, mode");
  });

  it("tells text that is no YAML by its line", () => {
    expect(issuesOf("name: a\nmode: [isolate")[0]).toMatch(/^line 2: /);
  });
});
