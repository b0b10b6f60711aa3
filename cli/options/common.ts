import { asText, toggle, value } from "./option.ts";

/** The options of every command that decide how its result is written. */
export const outputOptions = {
  json: toggle({ flag: "--json", help: "write JSON" }),
  quiet: toggle({ flag: "--quiet", help: "write results only" }),
  noColour: value({ variables: ["NO_COLOR"], help: "any value turns colours off", parse: () => true }),
  terminal: value({ variables: ["TERM"], help: "the terminal; dumb turns colours off", parse: asText }),
};
