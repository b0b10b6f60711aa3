import type { Command } from "commander";
import { loadFunction, writeEnvTypes } from "../../builder/index.ts";
import { addExamples } from "../examples.ts";
import { forEachFunction } from "../functions/function-folders.ts";
import { createOutput } from "../output/output.ts";
import type { CommonOptions } from "../session.ts";

export function addTypesCommand(program: Command): void {
  const command = program
    .command("types [dir]")
    .description("write the type of env for the function (or every function) in a folder: narun-env.d.ts")
    .option("--check", "write nothing; fail where a file is not what narun.yaml says")
    .action(async (dir: string | undefined, { check = false }: { check?: boolean }, command: Command) => {
      const output = createOutput(command.optsWithGlobals<CommonOptions>());
      await forEachFunction(dir, output, async (folder) => {
        const result = await writeEnvTypes(await loadFunction(folder), { check });
        const { file, changed, missing } = result;
        if (check && changed) process.exitCode = 1;
        if (output.isJson) return output.json(result);
        const writing = ["narun types", ...(dir === undefined ? [] : [dir])].join(" ");
        const found = `${missing ? "not there yet" : "out of date"}; \`${writing}\` writes it`;
        output.line(`${file}  ${changed ? (check ? found : "written") : "up to date"}`);
      });
    });
  addExamples(command, [
    ["narun types", 'then: import type { Env } from "./narun-env.d.ts"'],
    ["narun types functions --check", "in a pipeline"],
  ]);
}
