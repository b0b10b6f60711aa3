/** Asks instances for the requests that are under way there (nats/ledger/inquiries.ts). */
import { subjects } from "../contracts/index.ts";
import { askOne, createInquiries, type InquiredState, type Inquiries, type Nats } from "../nats/index.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Instance } from "./instance.ts";
import type { Flight } from "./job.ts";
import type { Evidence } from "./next-step.ts";

export interface InstanceInquiriesOptions {
  nats: Nats;
  dispatcher: Pick<Dispatcher, "active" | "hear">;
}

/** The evidence in an instance's states. `streaming` without a head: the head was lost, and the body waits for credit. */
const EVIDENCE: Readonly<Record<Flight["kind"], Partial<Record<InquiredState, Evidence>>>> = {
  "in-flight": { new: "not-begun", over: "over", streaming: "over", absent: "absent" },
  streaming: { new: "over", over: "over", absent: "absent" },
};

export function createInstanceInquiries({ nats, dispatcher }: InstanceInquiriesOptions): Inquiries {
  return createInquiries<Flight, Instance>({
    nats,
    flights: () => dispatcher.active.inFlight().map(({ flight }) => flight),
    // A socket loses nothing while it is whole. A host that is asked beside it calls off a request that comes by it.
    answererOf: ({ target, sending }) => (target === "shared" || sending.line !== nats ? undefined : target),
    pendingOf: ({ sending }) => sending,
    ask: (instance, requests) => askOne(nats, subjects.inquiries(instance.id), requests),
    hear(state, flights) {
      for (const [evidence, concerned] of Map.groupBy(flights, ({ kind }) => EVIDENCE[kind][state])) {
        if (evidence === undefined) continue;
        const members = new Set(concerned);
        dispatcher.hear(evidence, (flight) => members.has(flight));
      }
    },
  });
}
