import { inspect } from "node:util";

/** An error as a log has it: its stack, its cause, its own properties. Any value may be thrown. */
export function errorText(error: unknown): string {
  try {
    return typeof error === "string" ? error : inspect(error);
  } catch {
    return "an error that cannot be shown";
  }
}
