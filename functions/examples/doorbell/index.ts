import type { Context, MessageHandler, ScheduledEvent } from "narun";

/**
 * Answers messages of NATS, and plain requests.
 *
 *     nats request doorbell.ring Ada
 *     narun invoke doorbell --trigger message --subject doorbell.ring --data Ada
 *     narun invoke doorbell --trigger schedule
 */
export default {
  fetch: () => new Response("Ring by NATS: nats request doorbell.ring NAME\n"),

  message: ((message) => `${message.text()} is at the door (${message.subject})`) satisfies MessageHandler,

  scheduled(event: ScheduledEvent, _env: unknown, ctx: Context) {
    return { polished: new Date(event.scheduledTime).toISOString(), run: ctx.requestId };
  },
};
