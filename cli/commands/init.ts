import { initFunction } from "../../builder/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { asText, toggle, value } from "../options/option.ts";

const name = value({
  flag: "--name <name>",
  help: "the function's name",
  fallbackHelp: "the folder's",
  parse: asText,
});

const grpc = toggle({ flag: "--grpc", help: "a function that implements a gRPC service" });

export const initCommand = defineCommand({
  usage: "init [dir]",
  says: "write a new function from a template",
  options: { name, grpc },
  examples: [
    ["narun init hello", "makes the folder hello"],
    ["narun init --name hello", "in this folder"],
    ["narun init greeter --grpc", "with a .proto file and its types"],
  ],
  async run({ dir = "." }, { options, output }) {
    const { name, files } = await initFunction(dir, {
      ...(options.name === undefined ? {} : { name: options.name }),
      template: options.grpc ? "grpc" : "http",
    });
    if (output.isJson) return output.json({ name, dir, files });
    for (const file of files) output.line(`created ${file}`);
    output.note(`\nRun it:\n  ${dir === "." ? "" : `cd ${dir} && `}narun dev`);
  },
});
