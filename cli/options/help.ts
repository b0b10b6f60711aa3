import type { Option } from "./option.ts";

/** The help text of an option: its meaning, its variables and its default. */
export function helpOf(option: Option<unknown>): string {
  const { help, variables, variableHelp } = option;
  const names = variables.join(", ");
  const remarks = [
    ...(names === "" ? [] : [variableHelp === undefined ? names : `${names}: ${variableHelp}`]),
    ...(defaultOf(option) === undefined ? [] : [`default: ${defaultOf(option)}`]),
  ];
  return remarks.length === 0 ? help : `${help} (${remarks.join("; ")})`;
}

/** The default, as a user would write it, else in words. */
export function defaultOf({ fallback, fallbackHelp }: Option<unknown>): string | undefined {
  return fallbackHelp ?? fallback;
}
