import { z } from "zod";

/** Upper bound of the requests in one inquiry. The subject of a reply has some thirty bytes. */
export const MAX_INQUIRED = 10_000;

/**
 * A gateway's question to an instance, on `narun.s.<instance>.ask`: which of the requests that it sent there are under way.
 * A request is named by its reply subject.
 */
export const InquirySchema = z.object({ requests: z.array(z.string()).max(MAX_INQUIRED) });
export type Inquiry = z.infer<typeof InquirySchema>;

/**
 * The state of one request at its instance.
 *
 * - `new`: it has not come. If it comes later, it is not begun.
 * - `running`: no part of the answer was sent yet.
 * - `streaming`: the answer's head was sent, the body follows.
 * - `repeated`: it was answered, and the same reply was sent again before this answer.
 * - `over`: it is not under way, and may have run.
 */
const RequestStateSchema = z.enum(["new", "running", "streaming", "repeated", "over"]);
export type RequestState = z.infer<typeof RequestStateSchema>;

/** The answer to an inquiry: one state for each request, in the same order. */
export const InquiryReplySchema = z.object({ states: z.array(RequestStateSchema) });
export type InquiryReply = z.infer<typeof InquiryReplySchema>;
