/** A bundle has the parts of narun's library that the function imports, and no others. */
import { expect, it } from "vitest";
import { buildFunction } from "./build.ts";
import { createSourceFolder } from "./testing/source-folder.ts";

const PROTOBUF = /\bBinaryWriter\b|\btoBinary\b/;

async function bundleOf(code: string, config: string): Promise<string> {
  await using folder = await createSourceFolder({ "index.ts": code, "narun.yaml": config });
  const { bundle } = await buildFunction(folder.dir);
  return Buffer.from(bundle).toString();
}

it("gives a workflow nothing of gRPC, which its start would parse and evaluate", async () => {
  const code = `import { workflow } from "narun";\nexport default workflow(async (ctx) => ctx.id);\n`;
  const bundle = await bundleOf(code, "workflow: true\n");
  expect([/\bExecutor\b/, /\bGrpcError\b/, PROTOBUF].map((part) => part.test(bundle))).toEqual([
    true,
    false,
    false,
  ]);
});

it("gives a function an error of gRPC with the codec of its details", async () => {
  const code = `import { GrpcError } from "narun";\nexport default () => { throw new GrpcError("NOT_FOUND"); };\n`;
  expect(PROTOBUF.test(await bundleOf(code, ""))).toBe(true);
});
