/** Handlers of other platforms build, go live, and are never called: the build says so. */
import { expect, test } from "vitest";
import { buildFunction } from "./build.ts";
import { createSourceFolder } from "./testing/source-folder.ts";

/** The handlers that a build warns of, by place. */
async function warned(files: Record<string, string>): Promise<string[]> {
  await using folder = await createSourceFolder(files);
  const { warnings } = await buildFunction(folder.dir, { write: false });
  return warnings.map(({ file, line, message }) => {
    const handler = /^nothing calls the handler "(\w+)" of the function hello$/.exec(message)?.[1];
    return `${handler ?? message} ${file.slice(file.lastIndexOf("hello/") + "hello/".length)}:${line}`;
  });
}

const FETCH = "fetch() { return new Response(); }";

test.each([
  ["an object", `export default {\n  ${FETCH},\n  async scheduled() {},\n};`, ["scheduled index.ts:3"]],
  [
    "members of all forms",
    `const tail = () => {};\nexport default { ${FETCH}, "queue": async (b) => {}, email: function () {}, tail,\n async *trace() {}, get message() { return () => {}; } };`,
    ["queue", "email", "tail"]
      .map((name) => `${name} index.ts:2`)
      .concat(["trace", "message"].map((name) => `${name} index.ts:3`)),
  ],
  [
    "a name, with types",
    `interface Handlers { scheduled(): Promise<void> }\nconst worker = { ${FETCH}, async scheduled() {} } satisfies Handlers & object;\nexport default worker as Handlers;`,
    ["scheduled index.ts:2"],
  ],
  [
    "an instance of a class",
    `class Base { queue() {} }\nclass Worker extends Base { static #count = 0; static { this.#count++; }\n tail = async () => {}; ${FETCH}\n email() {} }\nexport default new Worker();`,
    ["tail index.ts:3", "email index.ts:4", "queue index.ts:1"],
  ],
  [
    "what is wrapped",
    `const wrap = (_: unknown, worker: any) => worker;\nexport default wrap(() => ({ trace: () => 1 }), { ${FETCH}, scheduled() {} });`,
    ["scheduled index.ts:2"],
  ],
  [
    "what is assigned and spread",
    `const jobs = { queue() {} };\nconst app = { ${FETCH}, ...jobs };\n(app as any).tail = () => {};\nexport default Object.assign(app, { email() {} });`,
    ["email index.ts:4", "tail index.ts:3", "queue index.ts:1"],
  ],
  [
    "named exports",
    `export async function scheduled() {}\nexport const queue = async () => {};\nexport { mail as email };\nconst mail = () => {};\nexport default () => new Response();`,
    ["email index.ts:4", "queue index.ts:2", "scheduled index.ts:1"],
  ],
  [
    "CommonJS alone",
    "export = {};",
    ["tail index.js:1"],
    { "index.js": `exports.default = { ${FETCH}, tail: () => {} };`, "narun.yaml": "entry: index.js" },
  ],
  [
    "beside one function per method",
    "export function GET() {}\nexport function tail() {}",
    ["tail index.ts:2"],
  ],
  [
    "another file's",
    'export { default } from "./worker.ts";',
    ["scheduled worker.ts:2"],
    { "worker.ts": `export default {\n scheduled() {}, ${FETCH} };` },
  ],
  [
    "CommonJS",
    'export { default } from "./worker.cjs";',
    ["queue worker.cjs:1", "scheduled worker.cjs:2"],
    {
      "worker.cjs": `exports.queue = () => {};\nmodule.exports = { ${FETCH}, scheduled() {} };`,
    },
  ],
] as [string, string, string[], Record<string, string>?][])(
  "%s with handlers that nothing calls",
  async (_, source, expected, files = {}) => {
    expect((await warned({ "index.ts": source, ...files })).toSorted()).toEqual(expected.toSorted());
  },
);

test.each([
  [
    "what is no function",
    `const trace = true;\nexport const message = "hi";\nexport default { ${FETCH}, email: "a@b.c", trace, tail: [], queue: { scheduled() {} } };`,
  ],
  [
    "what a function has inside",
    `export default { fetch() { const a = { scheduled() {}, text: \`}\${{ queue() {} }}\`, is: /[/}"]/.test("}") }; return Response.json(a); } };`,
  ],
  [
    "options of a call",
    "const app = (_: object) => () => new Response();\nexport default app({ message: () => 1, email() {} });",
  ],
  [
    "options of a constructor",
    `class App { constructor(_: object) {} ${FETCH} }\nexport default new App({ fetch() {}, queue() {} });`,
  ],
  ["a class beside the default", `class Mailer { email() {} }\nexport default () => new Mailer();`],
])("%s is none", async (_, source) => {
  expect(await warned({ "index.ts": source })).toEqual([]);
});

test("long strings and lone slashes do not keep it from its end", async () => {
  const source = `export default { value: ${JSON.stringify('a"/'.repeat(1_000_000))}, half: (a, b) => a / b / 2, ${FETCH}, tail() {} };`;
  expect(await warned({ "index.js": source })).toEqual(["tail index.js:1"]);
});

test("the warning says how it is called", async () => {
  await using folder = await createSourceFolder({
    "index.ts": `export default { ${FETCH}, scheduled() {} };`,
  });
  const { warnings } = await buildFunction(folder.dir, { write: false });
  expect(warnings).toMatchObject([
    {
      column: 54,
      frame: expect.stringMatching(/\^{9}$/),
      hint: expect.stringContaining("narun.yaml has no `schedule`"),
    },
  ]);
});
