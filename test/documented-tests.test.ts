/** The tests that docs/testing.md recommends compile, and pass when vitest runs them in a folder of their own. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { parse } from "yaml";
import { writeEnvTypes, writeProtoTypes } from "../builder/index.ts";
import { FunctionConfigSchema } from "../contracts/index.ts";
import { startFunctions } from "../functions/sdk/testing.ts";
import { functionsOf } from "./harness/page-functions.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const functions = functionsOf(read("docs/testing.md"));
const env = {
  ...process.env,
  NARUN_NATS_SERVER: inject("natsServer"),
  NODE_OPTIONS: "--conditions=narun-source",
};
let dir: string;

interface Report {
  testResults: {
    message: string;
    assertionResults: { title: string; status: string; failureMessages: string[] }[];
  }[];
}

/** The page's functions beside an installed narun. */
beforeAll(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), "narun-test-testing-")));
  await mkdir(join(dir, "node_modules"));
  await symlink(root, join(dir, "node_modules/narun"));
  for (const name of ["@types", "vitest", "vite"])
    await symlink(join(root, "node_modules", name), join(dir, "node_modules", name));
  await writeFile(join(dir, "package.json"), '{ "type": "module" }');
  // An installed narun is built. This test uses its sources instead.
  const conditions = ["narun-source", "node", "import", "default"];
  const resolve = { conditions, externalConditions: conditions };
  await writeFile(
    join(dir, "vitest.config.js"),
    [
      `import { protoFiles } from ${JSON.stringify(join(root, "builder/index.ts"))};`,
      `export default { ...${JSON.stringify({ ssr: { resolve } })}, plugins: [protoFiles()] };`,
    ].join("\n"),
  );
  for (const [name, { files, config }] of functions) {
    await mkdir(join(dir, name));
    for (const [file, text] of Object.entries(files)) await writeFile(join(dir, name, file), text);
    // JSON is YAML.
    await writeFile(join(dir, name, "narun.yaml"), JSON.stringify(config));
    const whole = FunctionConfigSchema.parse({ name, routes: [], ...config });
    await writeEnvTypes({ dir: join(dir, name), config: whole });
    await writeProtoTypes({ dir: join(dir, name) });
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

it("runs", async () => {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const report = join(dir, "report.json");
  const args = [vitest, "run", "--root", dir, "--reporter=json", `--outputFile=${report}`];
  // vitest fails if a test fails. Its messages are in the report.
  await run(process.execPath, args, { env }).catch(() => undefined);
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  expect(testResults.map(({ message }) => message).filter(Boolean)).toEqual([]);
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  expect(
    results
      .map(({ title, status, failureMessages }) => [`${title}: ${status}`, ...failureMessages].join("\n"))
      .sort(),
  ).toEqual([
    "asks for a name: passed",
    "asks for a name: passed",
    "counts in its bucket: passed",
    "counts: passed",
    "counts: passed",
    "fails with a code: passed",
    "greets: passed",
  ]);
}, 60_000);

it("compiles", async () => {
  const { compilerOptions } = parse(
    /^```json\n\/\/ tsconfig.json\n([\s\S]*?)^```$/m.exec(read("docs/functions.md"))?.[1] ?? "",
  );
  // The tests run in Node, the functions do not.
  const options = {
    ...compilerOptions,
    types: ["node"],
    skipLibCheck: true,
    customConditions: ["narun-source"],
    allowArbitraryExtensions: true,
  };
  await writeFile(
    join(dir, "tsconfig.json"),
    JSON.stringify({ compilerOptions: options, include: ["visits", "greeter"] }),
  );
  await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", dir]).catch(
    ({ stdout }) => {
      throw new Error(stdout);
    },
  );
});

it("says why a function does not start", async () => {
  const broken = join(dir, "broken");
  await mkdir(broken);
  await writeFile(join(broken, "index.ts"), "export const nothing = 1;");
  await expect(startFunctions(broken)).rejects.toThrow(/broken: NO_HANDLER: [\s\S]*\n {2}Fix: /);
});
