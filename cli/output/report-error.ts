import { errorEntry, isErrorCode, isNarunError, messageOf, NarunError } from "../../contracts/index.ts";
import { readableStack } from "../built/readable-stacks.ts";
import type { Output } from "./output.ts";

export interface ReportOptions {
  output: Output;
  /** The command that explains how the failed one is used. */
  help: string;
}

/** A line of a stack in narun's own part of a bundle. */
const PLACE_IN_SDK = /^ +at (?:.*\()?narun\/(?:service|grpc)\//;

/** Writes the failure, its cause and its remedy to standard error. Only a fault of narun itself has a stack. */
export function reportError(error: unknown, { output, help }: ReportOptions): void {
  const text = output.isJson ? JSON.stringify({ error: failureOf(error) }) : explain(error, help);
  output.error(text);
}

/** The exit code of a failed command: 2 for a wrong use, 1 for any other failure. */
export function exitCodeOf(error: unknown): number {
  return isNarunError(error, "USAGE") ? 2 : 1;
}

/** A failure for a person: its message, and the known places in the author's source. */
export function describeFailure(error: unknown): string {
  const message = messageOf(error);
  const stack = error instanceof NarunError ? error.fields.stack : undefined;
  if (typeof stack !== "string") return message;
  const [first = "", ...places] = stack.split("\n");
  // The fault of a definition is in the message; only the author's own lines lead to it.
  if (first.startsWith("ServiceFault: ") && message.endsWith(first.slice("ServiceFault: ".length)))
    return [message, ...places.filter((place) => !PLACE_IN_SDK.test(place))].join("\n");
  // The first line of a stack is the thrown error, and the message often ends with it.
  return [message, ...(message.endsWith(first) ? [] : [first]), ...places].join("\n");
}

/** A failure for a person, with its remedy. */
export function explainFailure(error: unknown): string {
  const what = describeFailure(error);
  return error instanceof NarunError ? withFix(what, solveOf(error)) : what;
}

/** A failure for a program. */
export function failureOf(error: unknown): { code: string; message: string; solve?: string } {
  const message = messageOf(error);
  if (!(error instanceof NarunError)) return { code: "INTERNAL", message };
  return { code: error.code, message, solve: solveOf(error) };
}

/** The remedy. A failed trial has the remedy of its reason, unless the function itself threw: then the error is shown. */
function solveOf({ code, fields: { reason } }: NarunError): string {
  const isKnown = code === "TRIAL_FAILED" && isErrorCode(reason) && reason !== "FUNCTION_START_FAILED";
  return errorEntry(isKnown ? reason : code).solve;
}

function explain(error: unknown, help: string): string {
  if (!(error instanceof NarunError)) {
    return `narun failed: ${error instanceof Error ? readableStack(error.stack ?? error.message) : String(error)}`;
  }
  const fix = error.code === "USAGE" ? `See \`${help}\`.` : solveOf(error);
  return withFix(`narun: ${describeFailure(error)}`, fix);
}

/** Appends the remedy: on the same line, or on a new one if the failure has several lines. */
function withFix(what: string, fix: string): string {
  if (what.includes("\n")) return `${what}\n${fix}`;
  return `${what}${/[.?!]$/.test(what) ? "" : "."} ${fix}`;
}
