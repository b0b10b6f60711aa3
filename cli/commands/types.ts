import { loadFunction, writeEnvTypes, writeProtoTypes } from "../../builder/index.ts";
import { findInterfaces } from "../../control/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { forEachFunction } from "../functions/function-folders.ts";
import { toggle } from "../options/option.ts";

const check = toggle({ flag: "--check", help: "write nothing; fail where a file differs from its source" });

const services = toggle({
  flag: "--services",
  help: "the actions of bound services, as they are deployed: env.ORDERS.pay(…)",
});

export const typesCommand = defineCommand({
  usage: "types [dir]",
  says: "write the types of env and .proto files, for the function (or all) in a folder",
  options: { check, services },
  examples: [
    ["narun types", 'then: import type { Env } from "./narun-env.d.ts"'],
    ["narun types functions --check", "in a pipeline"],
    ["narun types shop --services", "with the types of the services that it calls, as they are deployed"],
  ],
  async run({ dir }, { options: { check, services }, output, connect }) {
    const interfaces = services ? await findInterfaces(await connect()) : undefined;
    await forEachFunction(dir, output, async (folder) => {
      const fn = await loadFunction(folder);
      const results = [
        await writeEnvTypes(fn, { check, ...(interfaces && { interfaces }) }),
        ...(await writeProtoTypes(fn, { check })),
      ];
      if (check && results.some(({ changed }) => changed)) process.exitCode = 1;
      const writing = ["narun types", ...(dir === undefined ? [] : [dir])].join(" ");
      for (const result of results) {
        const { file, changed, missing } = result;
        if (output.isJson) {
          output.json(result);
          continue;
        }
        const found = `${missing ? "not there yet" : "out of date"}; \`${writing}\` writes it`;
        output.line(`${file}  ${changed ? (check ? found : "written") : "up to date"}`);
      }
    });
  },
});
