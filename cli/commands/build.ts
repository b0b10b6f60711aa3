import type { Command } from "commander";
import { type Build, buildFunction, formatBytes } from "../../builder/index.ts";
import { shortRevision } from "../../contracts/index.ts";
import { addExamples } from "../examples.ts";
import { forEachFunction } from "../functions/function-folders.ts";
import { showWarnings } from "../output/build-warnings.ts";
import { createOutput, type Output } from "../output/output.ts";
import type { CommonOptions } from "../session.ts";

export function addBuildCommand(program: Command): void {
  const command = program
    .command("build [dir]")
    .description("bundle the function (or every function) in a folder")
    .action(async (dir: string | undefined, _options: object, command: Command) => {
      const output = createOutput(command.optsWithGlobals<CommonOptions>());
      await forEachFunction(dir, output, async (folder) => {
        const progress = output.progress("building");
        const build = await buildFunction(folder).finally(() => progress.end());
        if (output.isJson) output.json(summaryOf(build));
        else showBuild(output, build);
      });
    });
  addExamples(command, [
    ["narun build", "the function in this folder"],
    ["narun build functions --json", "every function below functions, one line each"],
  ]);
}

function summaryOf({ config, revision, bundle, sourceMap, elapsedMs, heaviest, warnings }: Build) {
  return {
    name: config.name,
    revision,
    mode: config.mode,
    size: bundle.byteLength,
    sourceMapSize: sourceMap.byteLength,
    elapsedMs: Math.round(elapsedMs),
    heaviest,
    warnings,
  };
}

const SHOWN_FILES = 5;

function showBuild(output: Output, build: Build): void {
  const { bold, dim } = output.colours;
  const facts = [
    shortRevision(build.revision),
    formatBytes(build.bundle.byteLength),
    `${Math.round(build.elapsedMs)} ms`,
  ];
  output.line(`${bold(build.config.name)}  ${facts.join("  ")}`);
  for (const { path, bytes } of build.heaviest.slice(0, SHOWN_FILES)) {
    output.line(dim(`  ${formatBytes(bytes).padStart(10)}  ${path}`));
  }
  showWarnings(output, build.warnings);
}
