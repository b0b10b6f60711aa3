import { type Build, buildFunction, formatBytes } from "../../builder/index.ts";
import { shortRevision } from "../../contracts/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { forEachFunction } from "../functions/function-folders.ts";
import { showWarnings } from "../output/build-warnings.ts";
import type { Output } from "../output/output.ts";

export const buildCommand = defineCommand({
  usage: "build [dir]",
  says: "bundle the function (or every function) in a folder",
  options: {},
  examples: [
    ["narun build", "the function in this folder"],
    ["narun build functions --json", "every function below functions, one line each"],
  ],
  async run({ dir }, { output }) {
    await forEachFunction(dir, output, async (folder) => {
      const progress = output.progress("building");
      const build = await buildFunction(folder).finally(() => progress.end());
      if (output.isJson) output.json(summaryOf(build));
      else showBuild(output, build);
    });
  },
});

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
