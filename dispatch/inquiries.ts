/** Asks instances for the requests that have been under way there for a while (nats/ledger/inquiries.ts). */
import { subjects } from "../contracts/index.ts";
import { askOne, createInquiries, type InquiredState, type Inquiries, type Nats } from "../nats/index.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Instance } from "./instances.ts";
import type { Flight } from "./job.ts";
import type { Word } from "./next-step.ts";

export interface InstanceInquiriesOptions {
  nats: Nats;
  dispatcher: Pick<Dispatcher, "flights" | "hear">;
}

/** The state `streaming` of a request in flight means a lost head: the body waits for credit, and never gets any. */
const WORDS: Readonly<Record<Flight["kind"], Partial<Record<InquiredState, Word>>>> = {
  "in-flight": { new: "not-begun", over: "over", streaming: "over", absent: "absent" },
  streaming: { new: "over", over: "over", absent: "absent" },
};

export function createInstanceInquiries({ nats, dispatcher }: InstanceInquiriesOptions): Inquiries {
  return createInquiries<Flight, Instance>({
    nats,
    flights: () => dispatcher.flights(),
    answererOf: ({ target }) => (target === "shared" ? undefined : target),
    pendingOf: ({ pending }) => pending,
    ask: (instance, requests) => askOne(nats, subjects.inquiries(instance.id), requests),
    hear(state, flights) {
      for (const [word, concerned] of Map.groupBy(flights, ({ kind }) => WORDS[kind][state])) {
        if (word === undefined) continue;
        const are = new Set(concerned);
        dispatcher.hear(word, (flight) => are.has(flight));
      }
    },
  });
}
