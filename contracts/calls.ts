import { z } from "zod";
import { isErrorCode } from "./error-catalogue.ts";
import { parseJson } from "./parse-json.ts";

/** Facts of a call beside its request: the header `Narun-Call` of the stored message. */
const CallFactsSchema = z.object({
  id: z.string(),
  /** Where the result is posted. */
  callback: z.string().optional(),
  /** The path at which the result is fetched. */
  location: z.string(),
  /** The object that has the request's body, where it is too large for the message. */
  body: z.string().optional(),
});
export type CallFacts = z.infer<typeof CallFactsSchema>;

/** Undefined where the text has not the form. */
export function decodeCallFacts(text: string): CallFacts | undefined {
  return parseJson(text, CallFactsSchema);
}

/** A message in header mode that is stored in JSON: the answer of a call. */
const StoredReplySchema = z.object({
  headers: z.array(z.tuple([z.string(), z.array(z.string())])),
  /** Base64. Undefined where an object has the body. */
  data: z.string().optional(),
  object: z.string().optional(),
});
export type StoredReply = z.infer<typeof StoredReplySchema>;

const TimesSchema = {
  function: z.string(),
  method: z.string(),
  requestId: z.string(),
  /** Epoch milliseconds. */
  acceptedAt: z.number(),
  /** How often it was begun. */
  attempts: z.number(),
};

/** A call, as `narun-calls` has it. */
export const CallRecordSchema = z.discriminatedUnion("state", [
  z.object({ ...TimesSchema, state: z.literal("queued"), code: z.string().optional() }),
  z.object({ ...TimesSchema, state: z.literal("running") }),
  /** The function answered, with any status. */
  z.object({ ...TimesSchema, state: z.literal("done"), endedAt: z.number(), reply: StoredReplySchema }),
  /** It has no answer: a code of the catalogue says why. */
  z.object({
    ...TimesSchema,
    state: z.literal("failed"),
    endedAt: z.number(),
    code: z.string().refine(isErrorCode),
  }),
]);
export type CallRecord = z.infer<typeof CallRecordSchema>;
export type EndedCall = Extract<CallRecord, { state: "done" | "failed" }>;

export function isEnded(record: CallRecord): record is EndedCall {
  return record.state === "done" || record.state === "failed";
}

/** The call that belongs to an `Idempotency-Key`. */
export const CallKeySchema = z.object({
  id: z.string(),
  /** The digest of the request. */
  print: z.string(),
  /** Whether its call is stored for sure. */
  isStored: z.boolean(),
});
export type CallKey = z.infer<typeof CallKeySchema>;

/** The last part of the paths of calls: `<base>/.narun/calls/<id>`. */
export const CALLS_PATH = "/.narun/calls/";

/** Upper bounds of bodies: of a call, and of its answer. */
export const MAX_CALL_BYTES = 64 * 1024 * 1024;

/** The fields that tell a function of its call. A client's own are replaced. */
export const callFields = { id: "Async-Id", attempt: "Async-Attempt" } as const;
