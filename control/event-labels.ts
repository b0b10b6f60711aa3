import { capabilitiesOf, matchesAny } from "../contracts/index.ts";
import { type Nats, openSpecs } from "../nats/index.ts";
import { liveSpec } from "./registry.ts";

/** A function that takes the events of a subject sealed alone. */
export interface SealedHearer {
  function: string;
  label: string;
}

/** The functions that hear a subject sealed: by `.on(…, { encrypt })`, or by a binding with `seal`. */
export async function findSealedHearers(nats: Nats, subject: string): Promise<SealedHearer[]> {
  const specs = await (await openSpecs(nats)).list();
  return specs.flatMap((read) => {
    const live = liveSpec(read);
    if (live === undefined) return [];
    const handlers = (live.interface?.events ?? []).filter(({ pattern }) => matchesAny([pattern], subject));
    const bindings = capabilitiesOf(live).filter(
      (one) => one.kind === "events" && matchesAny(one.hears, subject),
    );
    const labels = [...handlers.map(({ encrypt }) => encrypt), ...bindings.map(({ seal }) => seal)];
    return [...new Set(labels)].flatMap((label) =>
      label === undefined ? [] : [{ function: read.key, label }],
    );
  });
}
