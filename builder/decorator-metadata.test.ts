/** Types are not there at run time, also where a tsconfig.json says that decorators get them: the build says so. */
import { expect, test } from "vitest";
import { buildFunction } from "./build.ts";
import { createSourceFolder } from "./testing/source-folder.ts";

const DECORATED = `const seen = (..._: any[]): any => undefined;
class Clock {}
export class Orders {
  @seen clock!: Clock;
}
@seen
export class Other {}
`;

const sources = (options: object, more: Record<string, string> = {}) => ({
  "index.ts": 'import { Orders } from "./orders.ts";\nexport default () => Response.json(new Orders());',
  "orders.ts": DECORATED,
  "tsconfig.json": `{ // as TypeScript has it\n "compilerOptions": ${JSON.stringify(options)} }`,
  ...more,
});

async function warningsOf(files: Record<string, string>) {
  await using folder = await createSourceFolder(files);
  return (await buildFunction(folder.dir, { write: false })).warnings;
}

const EXPECTED = [
  {
    file: expect.stringMatching(/\/orders\.ts$/),
    line: 4,
    message: expect.stringMatching(/^emitDecoratorMetadata has no effect here/),
    hint: expect.stringContaining("@Inject(Clock)"),
  },
];
const BOTH = { experimentalDecorators: true, emitDecoratorMetadata: true };

test("a warning names the first decorator of each file", async () => {
  expect(await warningsOf(sources(BOTH))).toMatchObject(EXPECTED);
});

test("so it does where the option comes from a file that is extended", async () => {
  const own = sources(
    { experimentalDecorators: true },
    { "base.json": JSON.stringify({ compilerOptions: BOTH }) },
  );
  const extending = own["tsconfig.json"].replace("{ //", '{ "extends": "./base", //');
  expect(await warningsOf({ ...own, "tsconfig.json": extending })).toMatchObject(EXPECTED);
  const off = extending.replace("true", 'true, "emitDecoratorMetadata": false');
  expect(await warningsOf({ ...own, "tsconfig.json": off })).toEqual([]);
});

test.each([
  ["without the option", sources({ experimentalDecorators: true })],
  ["without decorators", sources(BOTH, { "orders.ts": "export class Orders {}" })],
  [
    "for a package that was compiled",
    sources(BOTH, {
      "orders.ts": 'export * from "orders";',
      "node_modules/orders/package.json": '{ "name": "orders", "main": "main.js" }',
      "node_modules/orders/main.js":
        "const __decorate = (...a) => {}; class Orders {} __decorate([], Orders.prototype); exports.Orders = Orders;",
    }),
  ],
])("%s there is none", async (_, files) => {
  expect(await warningsOf(files)).toEqual([]);
});
