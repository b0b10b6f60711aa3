/** Stacks of errors that isolated-vm reports. */

/** The frames of a stack, without its first line. */
export function framesOf(error: Error): string {
  return stackOf(error).split("\n").slice(1).join("\n");
}

/** isolated-vm's message for a thrown object that is no error. */
const NO_ERROR = /^Error: An object was thrown from supplied code within isolated-vm, but [^\n]*/;

/** The function's own part of a stack: isolated-vm appends the host's frames behind its boundary mark. */
export function stackOf(error: unknown): string {
  const text = String((error instanceof Error ? error.stack : undefined) ?? error);
  const stack = text.replace(NO_ERROR, "Error: what was thrown is an object, and no Error");
  const boundary = stack.indexOf("\n    at (<isolated-vm boundary>)");
  return boundary === -1 ? stack : stack.slice(0, boundary);
}
