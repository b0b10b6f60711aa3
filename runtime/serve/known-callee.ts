/**
 * The knowledge of a client about its service, by which its calls go straight to instances (calls/service-calls.ts).
 *
 * I1  Nothing is asked for before a gateway has answered a call: without narun there is nothing to know, and its stores are not made.
 * I2  Calls go straight only where the login permits all of it: the subjects of calls and of their frames, announcements, and the spec.
 *     Each is tried without a request that an instance could take. A login of a role without that right is not tried at all.
 * I3  The spec is read again every `REFRESH_MS` while calls are made. Until the first reading, calls take a gateway.
 */
import { isNarunError, subjects } from "../../contracts/index.ts";
import { type Nats, NoReplyError, openSpecs } from "../../nats/index.ts";
import { type Callee, calleeOf } from "../calls/callee.ts";

const REFRESH_MS = 15_000;
const PROBE_MS = 2_000;
/** An instance that there is not. */
const NO_INSTANCE = "none";

export interface KnownCallee {
  /** A call is made, or was answered by a gateway. Never rejects. */
  note(why: "called" | "answered"): void;
}

export interface KnownCalleeOptions {
  nats: Nats;
  service: string;
  /** Undefined: its calls take gateways. */
  set(callee: Callee | undefined): void;
}

export function createKnownCallee({ nats, service, set }: KnownCalleeOptions): KnownCallee {
  let access: "unknown" | "permitted" | "refused" = mayTry(nats) ? "unknown" : "refused";
  let hasGateway = false;
  let isLooking = false;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  const look = async () => {
    if (access === "unknown") access = await tryAccess(nats, service);
    if (access !== "permitted") return;
    const entry = await (await openSpecs(nats)).get(service);
    const spec = entry?.ok === true && entry.value.kind === "function" ? entry.value.spec : undefined;
    set(calleeOf(spec));
  };
  return {
    note(why) {
      if (why === "answered") hasGateway = true;
      const nowMs = performance.now();
      const isDue = nowMs - lookedAtMs >= REFRESH_MS && nats.state === "connected";
      if (!hasGateway || !isDue || isLooking || access === "refused") return;
      lookedAtMs = nowMs;
      isLooking = true;
      look()
        .catch((error: unknown) => {
          if (isNarunError(error, "NATS_PERMISSIONS_VIOLATION")) access = "refused";
          // The facts may be old: gateways know better.
          set(undefined);
        })
        .finally(() => {
          isLooking = false;
        });
    },
  };
}

/** Roles of narun's own networks whose logins may call instances (contracts/identity/roles.ts). Other logins are tried. */
function mayTry({ role }: Nats): boolean {
  return role === undefined || role === "cli" || role === "node";
}

async function tryAccess(nats: Nats, service: string): Promise<"unknown" | "permitted" | "refused"> {
  const announcements = nats.subscribe(subjects.announcement(service, NO_INSTANCE), () => undefined);
  try {
    await nats.confirm([announcements]);
    for (const subject of [
      subjects.serviceCalls(service, NO_INSTANCE),
      subjects.streamControl(NO_INSTANCE, NO_INSTANCE),
    ])
      if (!(await isWithoutSubscriber(nats, subject))) return "unknown";
    return "permitted";
  } catch (error) {
    if (isNarunError(error, "NATS_PERMISSIONS_VIOLATION")) return "refused";
    throw error;
  } finally {
    announcements.unsubscribe();
  }
}

/** Whether the server has answered that nobody hears the subject. Error: NATS_PERMISSIONS_VIOLATION. */
async function isWithoutSubscriber(nats: Nats, subject: string): Promise<boolean> {
  try {
    await nats.request(subject, "", { timeoutMs: PROBE_MS });
    return false;
  } catch (error) {
    if (error instanceof NoReplyError) return error.reason === "no-responders";
    throw error;
  }
}
