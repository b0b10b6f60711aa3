import { z } from "zod";
import { parseJson } from "./parse-json.ts";

/** Why a message of a queue was given up. */
export const DeadErrorSchema = z.object({
  /** A code of the error catalogue, where narun ended the last attempt. */
  code: z.string().optional(),
  message: z.string(),
  stack: z.string().optional(),
});
export type DeadError = z.infer<typeof DeadErrorSchema>;

/** The facts of a message that its function did not take: the header `Narun-Dead-Letter`, as JSON. */
const DeadLetterSchema = z.object({
  function: z.string(),
  /** Where it came from. */
  stream: z.string(),
  subject: z.string(),
  sequence: z.number(),
  /** When it was stored there, ISO 8601. */
  storedAt: z.string(),
  /** When it was given up, ISO 8601. */
  diedAt: z.string(),
  /** How often it was delivered. */
  attempts: z.number(),
  error: DeadErrorSchema,
  /** The object in `narun-bodies` that has the data. Undefined: the message has it. */
  body: z.string().optional(),
});
export type DeadLetter = z.infer<typeof DeadLetterSchema>;

/** Upper bounds of the texts of an error. */
const MAX_MESSAGE_CHARACTERS = 1_000;
const MAX_STACK_CHARACTERS = 4_000;

/** The header's value: ASCII, so that each client of NATS can read it. */
export function encodeDeadLetter({ error, ...facts }: DeadLetter): string {
  const { code, message, stack } = error;
  const bounded = {
    ...(code === undefined ? {} : { code }),
    message: message.slice(0, MAX_MESSAGE_CHARACTERS),
    ...(stack === undefined ? {} : { stack: stack.slice(0, MAX_STACK_CHARACTERS) }),
  };
  return JSON.stringify({ ...facts, error: bounded }).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Undefined where the text has not the form. */
export function decodeDeadLetter(text: string): DeadLetter | undefined {
  return parseJson(text, DeadLetterSchema);
}
