import { openCalls } from "./calls/calls.ts";
import type { Nats } from "./connection.ts";
import { openEvents } from "./events/events.ts";
import { ensureJournals } from "./journals/ensure-journals.ts";
import { openDeadLetters } from "./letters/dead-letters.ts";
import { ensureLogHistory } from "./log-history.ts";
import { openSchedules } from "./schedules/schedule-store.ts";
import {
  openBinaries,
  openKeyTexts,
  openNodeStates,
  openRevisions,
  openSecrets,
  openSpecs,
  openToolKeys,
} from "./stores.ts";

/** Makes narun's stores where they are missing, for users who may not: gateways, authors, hosts. */
export async function makeStores(nats: Nats): Promise<void> {
  await Promise.all([
    openSpecs(nats),
    openRevisions(nats),
    openNodeStates(nats),
    openSecrets(nats),
    openBinaries(nats),
    openCalls(nats),
    openDeadLetters(nats),
    openSchedules(nats),
    ensureJournals(nats),
    ensureLogHistory(nats),
    openEvents(nats),
    openToolKeys(nats),
    openKeyTexts(nats),
  ]);
}
