import { errorEntry, isErrorCode, isNarunError, messageOf, NarunError } from "../../contracts/index.ts";
import type { Output } from "./output.ts";

export interface ReportOptions {
  output: Output;
  /** The command that explains how the failed one is used. */
  help: string;
}

/** Says on standard error what failed, why, and how to fix it. A stack only where narun itself is at fault. */
export function reportError(error: unknown, { output, help }: ReportOptions): void {
  const text = output.isJson ? JSON.stringify({ error: failureOf(error) }) : explain(error, help);
  output.error(text);
}

/** 0 is for what went well: 2 where the command is not used like this, 1 for everything else. */
export function exitCodeOf(error: unknown): number {
  return isNarunError(error, "USAGE") ? 2 : 1;
}

/** A failure for people: its message, and the author's own places in the source where they are known. */
export function describeFailure(error: unknown): string {
  const message = messageOf(error);
  const stack = error instanceof NarunError ? error.fields.stack : undefined;
  if (typeof stack !== "string") return message;
  const [first = "", ...places] = stack.split("\n");
  // What was thrown is the first line of its stack, and often the end of the message already.
  return [message, ...(message.endsWith(first) ? [] : [first]), ...places].join("\n");
}

/** A failure for people, with the way to mend it. */
export function explainFailure(error: unknown): string {
  const what = describeFailure(error);
  return error instanceof NarunError ? withFix(what, solveOf(error)) : what;
}

/** A failure for programs. */
export function failureOf(error: unknown): { code: string; message: string; solve?: string } {
  const message = messageOf(error);
  if (!(error instanceof NarunError)) return { code: "INTERNAL", message };
  return { code: error.code, message, solve: solveOf(error) };
}

/** What failed a trial knows best how it is mended, except for an error of the function's own, which is shown. */
function solveOf({ code, fields: { reason } }: NarunError): string {
  const isKnown = code === "TRIAL_FAILED" && isErrorCode(reason) && reason !== "FUNCTION_START_FAILED";
  return errorEntry(isKnown ? reason : code).solve;
}

function explain(error: unknown, help: string): string {
  if (!(error instanceof NarunError)) {
    return `narun failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
  const fix = error.code === "USAGE" ? `See \`${help}\`.` : solveOf(error);
  return withFix(`narun: ${describeFailure(error)}`, fix);
}

/** One line, unless the failure itself has several. */
function withFix(what: string, fix: string): string {
  if (what.includes("\n")) return `${what}\n${fix}`;
  return `${what}${/[.?!]$/.test(what) ? "" : "."} ${fix}`;
}
