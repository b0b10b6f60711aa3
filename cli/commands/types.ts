import { loadFunction, writeEnvTypes } from "../../builder/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { forEachFunction } from "../functions/function-folders.ts";
import { toggle } from "../options/option.ts";

const check = toggle({ flag: "--check", help: "write nothing; fail where a file differs from narun.yaml" });

export const typesCommand = defineCommand({
  usage: "types [dir]",
  says: "write the type of env for the function (or every function) in a folder: narun-env.d.ts",
  options: { check },
  examples: [
    ["narun types", 'then: import type { Env } from "./narun-env.d.ts"'],
    ["narun types functions --check", "in a pipeline"],
  ],
  async run({ dir }, { options: { check }, output }) {
    await forEachFunction(dir, output, async (folder) => {
      const result = await writeEnvTypes(await loadFunction(folder), { check });
      const { file, changed, missing } = result;
      if (check && changed) process.exitCode = 1;
      if (output.isJson) return output.json(result);
      const writing = ["narun types", ...(dir === undefined ? [] : [dir])].join(" ");
      const found = `${missing ? "not there yet" : "out of date"}; \`${writing}\` writes it`;
      output.line(`${file}  ${changed ? (check ? found : "written") : "up to date"}`);
    });
  },
});
