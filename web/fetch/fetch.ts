/** `fetch` of the standard. perform.ts does the work. */
import { requireArguments } from "../webidl/webidl.ts";
import { performFetch } from "./perform.ts";
import { Request, requestParts } from "./request.ts";
import type { Response } from "./response.ts";

const { captureStackTrace } = Error;

export async function fetch(input: unknown, init: unknown = undefined): Promise<Response> {
  requireArguments(arguments.length, 1, "fetch");
  const parts = requestParts(new Request(input as never, init as never));
  const place: Place = {};
  captureStackTrace(place, fetch);
  try {
    return await performFetch(parts);
  } catch (error) {
    // The signal's reason belongs to user code and is not changed.
    if (error instanceof TypeError && error !== parts.signal?.reason) showPlace(error, place);
    throw error;
  }
}

/** The place of the call to `fetch`. The error is made much later, when the caller is no longer on the stack. */
interface Place {
  stack?: unknown;
}

function showPlace(error: TypeError, { stack }: Place): void {
  const frames = String(stack).replace(/^.*\n/, "");
  Object.defineProperty(error, "stack", { value: `TypeError: ${error.message}\n${frames}` });
}
