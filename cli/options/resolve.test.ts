import { expect, test } from "vitest";
import { asText, list, toggle, value } from "./option.ts";
import { type Flags, flagArguments, resolveOptions, valuesOf } from "./resolve.ts";
import { parsePort } from "./values.ts";

const declared = {
  file: value({
    flag: "--file <file>",
    help: "",
    parse: ({ text }) => Promise.resolve({ port: text }),
    texts: (content) => ({ port: content?.port }),
  }),
  port: value({
    flag: "-p, --port <port>",
    variables: ["NARUN_PORT", "PORT"],
    help: "",
    fallback: "80",
    parse: parsePort,
  }),
  tags: list({ flag: "--tag <tag>", variables: ["TAGS"], help: "", parse: (texts) => texts }),
  loud: toggle({ flag: "--loud", help: "" }),
  name: value({ flag: "--name <name>", help: "", parse: asText }),
};

const ENVIRONMENT = { NARUN_PORT: "2", PORT: "3" };
const FILE: Flags = { file: ["4"] };

test.each([
  [{ port: ["1"], ...FILE }, ENVIRONMENT, 1, { kind: "flag", name: "--port" }],
  [FILE, ENVIRONMENT, 2, { kind: "variable", name: "NARUN_PORT" }],
  [FILE, { NARUN_PORT: "", PORT: "3" }, 3, { kind: "variable", name: "PORT" }],
  [FILE, {}, 4, { kind: "file", name: "4 (for --port)" }],
  [{}, {}, 80, { kind: "default", name: "default" }],
])("flags %j with the environment %j give the port %i", async (flags, environment, port, source) => {
  const { port: setting } = await resolveOptions(declared, flags, environment);
  expect(setting.value).toBe(port);
  expect(setting.given?.source).toEqual(source);
});

test("a list is repeated in flags, and has commas in a variable", async () => {
  const tagsOf = async (flags: Flags, environment = {}) =>
    valuesOf(await resolveOptions(declared, flags, environment)).tags;
  expect(await tagsOf({ tags: ["a,b", "c"] }, { TAGS: "d" })).toEqual(["a,b", "c"]);
  expect(await tagsOf({}, { TAGS: " a, b,, " })).toEqual(["a", "b"]);
  expect(await tagsOf({})).toEqual([]);
});

test("values are frozen, and absent without a default", async () => {
  const settings = await resolveOptions(declared, {}, {});
  expect(valuesOf(settings)).toMatchObject({ loud: false, name: undefined });
  expect([settings, settings.port, valuesOf(settings)].every(Object.isFrozen)).toBe(true);
});

test("all wrong settings are named in one error", async () => {
  const resolving = resolveOptions({ ...declared, other: declared.port }, { port: ["x"] }, { PORT: "y" });
  await expect(resolving).rejects.toMatchObject({
    code: "USAGE",
    fields: { detail: expect.stringMatching(/^--port takes .* not "x"; PORT takes .* not "y"$/) },
  });
});

test("flags alone are handed on", async () => {
  const flags = { port: ["1"], loud: [], tags: ["a", "b"] };
  const settings = await resolveOptions(declared, flags, { TAGS: "c" });
  expect(flagArguments(declared, settings)).toEqual("--port 1 --tag a --tag b --loud".split(" "));
});
