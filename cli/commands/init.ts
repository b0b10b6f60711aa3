import type { Command } from "commander";
import { initFunction } from "../../builder/index.ts";
import { createOutput } from "../output.ts";
import type { CommonOptions } from "../session.ts";

export function addInitCommand(program: Command): void {
  program
    .command("init [dir]")
    .description("write a new function from a template")
    .option("--name <name>", "its name (default: the folder's)")
    .action(async (dir: string | undefined, options: { name?: string }, command: Command) => {
      const output = createOutput(command.optsWithGlobals<CommonOptions>());
      const folder = dir ?? ".";
      const { files } = await initFunction(folder, options);
      if (output.isJson) return output.json({ dir: folder, files });
      for (const file of files) output.line(`created ${file}`);
      output.note(`\nRun it:\n  ${folder === "." ? "" : `cd ${folder} && `}narun dev`);
    });
}
