import type { z } from "zod";
import { type ErrorCode, errorEntry, isNarunError, messageOf } from "../../contracts/index.ts";
import type { Nats, Subscription } from "../../nats/index.ts";

export interface AnswerOptions<T, R> {
  nats: Nats;
  subject: string;
  schema: z.ZodType<T>;
  answer(request: T): Promise<R> | R;
  /** The reply to a request that cannot be read, or whose answer fails. */
  refuse(code: ErrorCode, reason: string): R;
}

/** Answers JSON requests of one kind on one subject. Every request gets a reply, also where its answer fails. */
export function answerRequests<T, R>({
  nats,
  subject,
  schema,
  answer,
  refuse,
}: AnswerOptions<T, R>): Subscription {
  return nats.subscribe(subject, async (message) => {
    const respond = (reply: R) => message.respond(JSON.stringify(reply));
    try {
      const parsed = schema.safeParse(JSON.parse(message.text()));
      if (parsed.success) respond(await answer(parsed.data));
      else respond(refuse("BAD_REQUEST", parsed.error.issues.map((issue) => issue.message).join("; ")));
    } catch (error) {
      const code = isNarunError(error) ? error.code : "INTERNAL";
      respond(
        refuse(code, isNarunError(error) ? error.message : `${errorEntry(code).title}: ${messageOf(error)}`),
      );
    }
  });
}
