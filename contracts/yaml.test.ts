import { describe, expect, it } from "vitest";
import { FunctionFileSchema } from "./function-config.ts";
import { formatYamlIssues, parseYaml } from "./yaml.ts";
import { YAML_BOUNDS } from "./yaml-document.ts";

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

  it.each([
    [
      "of more bytes",
      `name: a # ${"x".repeat(YAML_BOUNDS.maxBytes)}`,
      /it has \d+ bytes; at most 262144 are read/,
    ],
    ["of more tokens", manyKeys(4_000), /it has more than 20000 tokens/],
    ["of empty lines only", "\n".repeat(100_000), /it has more than 20000 tokens/],
    ["nested in brackets", `env: ${"[".repeat(70)}${"]".repeat(70)}`, /it is nested more than 64 deep/],
    ["nested in lists", `${"- ".repeat(70)}a`, /it is nested more than 64 deep/],
    ["nested in maps", nestedMaps(70), /it is nested more than 64 deep/],
    ["of more aliases", `- &a x\n${"- *a\n".repeat(101)}`, /it has more than 100 aliases/],
  ])("is not parsed where it is a text %s than are read", (_what, text, expected) => {
    const issues = issuesOf(text);
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatch(expected);
  });

  it("tells of many wrong things some", () => {
    expect(issuesOf(manyKeys(2_000))).toHaveLength(50);
    expect(issuesOf(`env: [${"1, ".repeat(2_000)}]`)).toHaveLength(50);
  });

  it("tells of a second document", () => {
    expect(issuesOf("name: a\n---\nname: b")).toEqual([
      "line 2: there is a second document; only one is read",
    ]);
  });
});

function manyKeys(count: number): string {
  return Array.from({ length: count }, (_, index) => `key${index}: 1`).join("\n");
}

function nestedMaps(depth: number): string {
  return Array.from({ length: depth }, (_, index) => `${" ".repeat(index)}a:`).join("\n");
}
