/** The text that describes a thrown value to the function's author. */

/** Upper bound of the errors in one text. A chain of causes may have no end, an AggregateError may have thousands of errors. */
const MAX_ERRORS = 10;

/**
 * The stack of an error, with the stacks of its causes and of the errors of an AggregateError. Any other thrown value is
 * shown as text. Reading it may run user code, and fail.
 */
export function errorText(error: unknown): string {
  try {
    return textOf(error, "Uncaught ", new Set());
  } catch {
    // User code has replaced an intrinsic that the text is made with.
    return "Uncaught value that cannot be shown";
  }
}

function textOf(error: unknown, before: string, seen: Set<unknown>): string {
  try {
    if (!(error instanceof Error))
      return `${before}${typeof error === "string" ? JSON.stringify(error) : String(error)}`;
    seen.add(error);
    const parts = [`${error.stack ?? error}`];
    if (error instanceof AggregateError) parts.push(...aggregated(error.errors, seen));
    if (error.cause !== undefined) parts.push(inner("Caused by: ", error.cause, seen));
    return parts.join("\n");
  } catch {
    return `${before}value that cannot be shown`;
  }
}

function aggregated(errors: unknown, seen: Set<unknown>): string[] {
  if (!Array.isArray(errors)) return [];
  const { length } = errors;
  const shown = errors
    .slice(0, MAX_ERRORS)
    .map((error, at) => indented(inner(`Error ${at + 1} of ${length}: `, error, seen)));
  return length > MAX_ERRORS ? [...shown, `  … and ${length - MAX_ERRORS} more errors`] : shown;
}

function inner(label: string, error: unknown, seen: Set<unknown>): string {
  if (seen.has(error)) return `${label}(shown above)`;
  return seen.size >= MAX_ERRORS ? `${label}…` : label + textOf(error, "", seen);
}

function indented(text: string): string {
  return `  ${text.replaceAll("\n", "\n  ")}`;
}
