import { defineCommand } from "../command/define-command.ts";
import { defaultOf } from "../options/help.ts";
import type { Option, Source } from "../options/option.ts";
import { flagName, type Setting } from "../options/resolve.ts";

export const configCommand = defineCommand({
  usage: "config [command...]",
  says: "print the settings of a command line, each with its source",
  options: {},
  takesUnknownOptions: true,
  examples: [
    ["narun config", "the settings that environment variables can change"],
    ["narun config up --http 0.0.0.0:80", "the settings of this command line, which does not run"],
    ["narun config gateway --json", "for scripts"],
  ],
  async run({ command: line }, { output, resolve }) {
    const { declared, settings } = await resolve(line);
    const shown = Object.entries(declared).filter(
      ([, { isHidden, variables }]) => !isHidden && (line.length > 0 || variables.length > 0),
    );
    const rows = shown.map(([name, option]) => ({ option, ...rowOf(option, settings[name]) }));
    if (output.isJson) return output.json(rows.map((row) => ({ ...row, option: flagName(row.option) })));
    const { bold, dim } = output.colours;
    output.table(
      [
        { title: "OPTION", value: ({ option }) => flagName(option), colour: bold },
        { title: "VALUE", value: ({ value, option }) => value ?? defaultOf(option) ?? "-" },
        {
          title: "FROM",
          value: ({ from, source }) => source ?? from,
          colour: (text, { from }) => (from === "default" ? dim(text) : text),
        },
      ],
      rows,
    );
  },
});

interface Row {
  /** Null where nothing sets the option and a part of narun computes the default. */
  value: string | null;
  from: Source["kind"];
  /** The flag, the variable or the file; null for a default. */
  source: string | null;
}

/** A setting. A secret is hidden. */
function rowOf(option: Option<unknown>, setting: Setting<unknown> | undefined): Row {
  const given = setting?.given;
  if (given === undefined)
    return { value: setting?.value === false ? "no" : null, from: "default", source: null };
  const { kind, name } = given.source;
  return { value: option.show(given), from: kind, source: kind === "default" ? null : name };
}
