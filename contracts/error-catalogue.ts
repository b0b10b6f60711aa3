import { clientErrors } from "./client-errors.ts";
import type { ErrorEntry } from "./error-entry.ts";
import { eventErrors } from "./event-errors.ts";
import { queueErrors } from "./queue-errors.ts";
import { requestErrors } from "./request-errors.ts";
import { runtaraErrors } from "./runtara-errors.ts";
import { sealErrors } from "./seal-errors.ts";
import { serviceErrors } from "./service-errors.ts";
import { toolErrors } from "./tool-errors.ts";
import { workflowErrors } from "./workflow-errors.ts";

/**
 * Every error that narun names: its meaning, its solution, and its answer over HTTP. `docs/errors.md` is
 * generated from this table. Codes are stable: programs branch on them, never on texts.
 */
export const errorCatalogue = {
  ...requestErrors,
  ...queueErrors,
  ...eventErrors,
  ...clientErrors,
  ...workflowErrors,
  ...serviceErrors,
  ...toolErrors,
  ...runtaraErrors,
  ...sealErrors,
} as const;

export type ErrorCode = keyof typeof errorCatalogue;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorCatalogue, value);
}

/** The catalogue's entry for a code, with the optional keys visible to the type checker. */
export function errorEntry(code: ErrorCode): ErrorEntry {
  return errorCatalogue[code];
}

/** The solution of an error, with the function's name in the commands. */
export function solveOf(code: ErrorCode, name: string): string {
  return errorEntry(code).solve.replace(
    /(`narun (?:logs|revisions)) NAME`/g,
    (_all, command) => `${command} ${name}\``,
  );
}
