/** Definitions of services that are wrong: each fails the trial with a code, and names its place. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isNarunError } from "../../contracts/index.ts";
import { startWorld, type World } from "../harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/** The fields of the error with which a push of the service `bad` fails. */
async function refused(code: string, config?: Record<string, unknown>) {
  const source = `import { service } from "narun";\nimport { z } from "zod";\n${code}`;
  const error: unknown = await world.push("bad", source, config).catch((thrown: unknown) => thrown);
  if (!isNarunError(error, "TRIAL_FAILED"))
    throw new Error(`it was pushed: ${JSON.stringify(error)}`, { cause: error });
  return error.fields;
}

const OPEN = 'export default service({ name: "bad", version: "1.0.0" })';
const DO = "() => 1)";

describe("a definition that is wrong", () => {
  it.each([
    [
      "two actions of one name",
      `${OPEN}.action("a", {}, ${DO}.action("a", {}, ${DO}`,
      "ACTIONS_OVERLAP",
      /"a"/,
    ],
    [
      "subjects that overlap",
      `${OPEN}.action("a", { subject: "bad.x.{id}" }, ${DO}.action("b", { subject: "bad.*.y" }, ${DO}`,
      "ACTIONS_OVERLAP",
      /bad\.x\.\{id\}.*bad\.\*\.y/,
    ],
    [
      "a subject below another one with >",
      `${OPEN}.action("a", { subject: "bad.>" }, ${DO}.action("b", {}, ${DO}`,
      "ACTIONS_OVERLAP",
      /bad\.> *\).*bad\.b/,
    ],
    [
      "one path and method twice",
      `${OPEN}.action("a", { path: "x/{id}" }, ${DO}.action("b", { path: "/x/{other}" }, ${DO}`,
      "ACTIONS_OVERLAP",
      /POST \/x\/\{other\}/,
    ],
    [
      "a schema without a form in JSON",
      `${OPEN}.action("a", { input: z.object({ at: z.date() }) }, ${DO}`,
      "SCHEMA_NOT_JSON",
      /input of action "a".*Date/,
    ],
    [
      "a schema of a library without converter",
      `${OPEN}.action("a", { output: { "~standard": { version: 1, vendor: "own", validate: (value) => ({ value }) } } }, ${DO}`,
      "SCHEMA_NOT_JSON",
      /output of action "a".*own/,
    ],
    [
      "no schema",
      `${OPEN}.action("a", { input: { id: "string" } }, ${DO}`,
      "SERVICE_INVALID",
      /input is no schema/,
    ],
    [
      "another name than the function's",
      'export default service({ name: "good", version: "1.0.0" })',
      "SERVICE_NAMED_OTHERWISE",
      /"good".*"bad"/,
    ],
    [
      "no semver",
      'export default service({ name: "bad", version: "1" })',
      "SERVICE_INVALID",
      /"1" is not semver/,
    ],
    [
      "an unknown key",
      `${OPEN}.action("a", { inputs: z.string() }, ${DO}`,
      "SERVICE_INVALID",
      /unknown key "inputs"/,
    ],
    [
      "a subject elsewhere",
      `${OPEN}.action("a", { subject: "x.a" }, ${DO}`,
      "SERVICE_INVALID",
      /below the service/,
    ],
    ["a bad token", `${OPEN}.action("a", { subject: "bad.>.a" }, ${DO}`, "SERVICE_INVALID", /part ">"/],
    ["a parameter twice", `${OPEN}.action("a", { path: "{a}/{a}" }, ${DO}`, "SERVICE_INVALID", /twice/],
    [
      "a name that no client can call",
      `${OPEN}.action("then", {}, ${DO}`,
      "SERVICE_INVALID",
      /no client could call/,
    ],
    [
      "an error that is not declared",
      `${OPEN}.action("a", { errors: ["Lost"] }, ${DO}`,
      "SERVICE_INVALID",
      /Lost/,
    ],
    [
      "a status that is none",
      'export default service({ name: "bad", version: "1.0.0", errors: { E: { status: 200 } } })',
      "SERVICE_INVALID",
      /400 to 599/,
    ],
    [
      "a GET that changes something",
      `${OPEN}.action("a", { method: "GET", readOnly: false }, ${DO}`,
      "SERVICE_INVALID",
      /GET/,
    ],
    [
      "a service that requires itself",
      'export default service({ name: "bad", version: "1.0.0", requires: ["bad"] })',
      "SERVICE_INVALID",
      /requires itself/,
    ],
    ["a pattern that is none", `${OPEN}.on("a..b", ${DO}`, "SERVICE_INVALID", /pattern/],
    [
      "a durable event for each instance",
      `${OPEN}.on("a", { durable: true, each: true }, ${DO}`,
      "SERVICE_INVALID",
      /each/,
    ],
    [
      "two handlers of one name",
      `${OPEN}.on("a", { name: "x" }, ${DO}.on("b", { name: "x" }, ${DO}`,
      "SERVICE_INVALID",
      /name x/,
    ],
  ])(
    "is refused: %s",
    async (_what, code, reason, detail) => {
      const fields = await refused(code);
      expect(fields).toMatchObject({ reason });
      expect(fields.detail).toMatch(detail);
    },
    30_000,
  );

  it("is shown with the author's line", async () => {
    const { stack } = await refused(`\n\n${OPEN}\n  .action("a", {}, () => 1)\n  .action("a", {}, () => 2);`);
    expect(stack).toMatch(/index\.ts:7:/);
  }, 30_000);

  it("is refused in the mode node, too", async () => {
    const fields = await refused(`${OPEN}.action("a", {}, ${DO}.action("a", {}, ${DO}`, { mode: "node" });
    expect(fields).toMatchObject({ reason: "ACTIONS_OVERLAP" });
  }, 30_000);

  it("is refused where its description is too large", async () => {
    const fields = await refused(
      `const wide = z.object(Object.fromEntries(Array.from({ length: 9_000 }, (_, i) => ["property-number-" + i, z.string()])));
       ${OPEN}.action("a", { input: wide }, ${DO}`,
      { limits: { cpuMs: 10_000 } },
    );
    expect(fields).toMatchObject({ reason: "SERVICE_INVALID" });
    expect(fields.detail).toMatch(/262144/);
  }, 30_000);
});

describe("a service whose onStart throws", () => {
  it("fails the start, and not the trial: nothing begins there", async () => {
    const source = `import { service } from "narun";
      export default service({ name: "unlucky", version: "1.0.0" }).onStart(() => { throw new Error("no luck"); }).action("a", {}, () => 1);`;
    await world.push("unlucky", source);
    const answer = await world.call("/unlucky.a", { method: "POST" });
    expect(answer.status).toBeGreaterThanOrEqual(500);
    const lines = (await world.logs("unlucky")).map(({ message }) => message).join("\n");
    expect(lines).toContain("no luck");
  }, 60_000);
});
