import { NarunError } from "./errors.ts";
import { nearest } from "./nearest.ts";

/** FUNCTION_NOT_FOUND, with the nearest of the known names. */
export function createFunctionNotFound(name: string, known: Iterable<string>): NarunError {
  const meant = nearest(name, known);
  const detail = meant === undefined || meant === name ? name : `${name}; did you mean "${meant}"?`;
  return new NarunError("FUNCTION_NOT_FOUND", { detail, name });
}
