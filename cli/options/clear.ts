import { toggle } from "./option.ts";

/** Of orders that make a revision live. */
export const allowClear = toggle({
  flag: "--allow-clear",
  help: "values may go in clear that the live revision seals",
});
