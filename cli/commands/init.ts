import type { Command } from "commander";
import { initFunction } from "../../builder/index.ts";
import { addExamples } from "../examples.ts";
import { createOutput } from "../output/output.ts";
import type { CommonOptions } from "../session.ts";

export function addInitCommand(program: Command): void {
  const command = program
    .command("init [dir]")
    .description("write a new function from a template")
    .option("--name <name>", "its name (default: the folder's)")
    .action(async (dir: string | undefined, options: { name?: string }, command: Command) => {
      const output = createOutput(command.optsWithGlobals<CommonOptions>());
      const folder = dir ?? ".";
      const { name, files } = await initFunction(folder, options);
      if (output.isJson) return output.json({ name, dir: folder, files });
      for (const file of files) output.line(`created ${file}`);
      output.note(`\nRun it:\n  ${folder === "." ? "" : `cd ${folder} && `}narun dev`);
    });
  addExamples(command, [
    ["narun init hello", "makes the folder hello"],
    ["narun init --name hello", "in this folder"],
  ]);
}
