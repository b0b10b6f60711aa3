/** Changes of an account: new keys of roles, users that are no longer let in. Each gives new claims (network.ts). */
import { nkeys } from "@nats-io/transport-node";
import type { Role } from "../../contracts/index.ts";
import { seedOfPair } from "./claims.ts";
import { type AccountKeys, publicOf, rightsId } from "./network.ts";

/** Claims of the same second would not replace each other. */
function touched<Keys extends AccountKeys>(keys: Keys, now: number): Keys {
  return { ...keys, changedAt: Math.max(keys.changedAt + 1, Math.floor(now / 1_000)) };
}

/** A new key signs the logins of a role. The former ones are accepted for `graceMs`. */
export function rotateRole<Keys extends AccountKeys>(
  keys: Keys,
  role: Role,
  graceMs: number,
  now = Date.now(),
): Keys {
  const [present, ...former] = keys.roles[role];
  const until = now + graceMs;
  const ends = Object.fromEntries(
    [present, ...former].map((seed) => {
      const key = publicOf(seed);
      return [key, Math.min(keys.ends[key] ?? until, until)];
    }),
  );
  const next: [string, ...string[]] = [seedOfPair(nkeys.createAccount()), present, ...former];
  const roles = { ...keys.roles, [role]: next };
  return dropEnded(touched({ ...keys, roles, ends: { ...keys.ends, ...ends } }, now), now);
}

/** Without the keys whose time is over. The same object, where there are none. */
export function dropEnded<Keys extends AccountKeys>(keys: Keys, now = Date.now()): Keys {
  const isOver = (seed: string) => (keys.ends[publicOf(seed)] ?? Number.POSITIVE_INFINITY) <= now;
  const over = Object.values(keys.roles).flat().filter(isOver).map(publicOf);
  if (over.length === 0) return keys;
  const roles = Object.fromEntries(
    Object.entries(keys.roles).map(([role, [first, ...others]]) => [
      role,
      [first, ...others.filter((seed) => !isOver(seed))],
    ]),
  ) as AccountKeys["roles"];
  const ends = Object.fromEntries(Object.entries(keys.ends).filter(([key]) => !over.includes(key)));
  return touched({ ...keys, roles, ends }, now);
}

/** The user with this public key is not let in with logins that were made until now. */
export function revokeUser<Keys extends AccountKeys>(keys: Keys, user: string, now = Date.now()): Keys {
  const revoked = { ...keys.revoked, [user]: Math.floor(now / 1_000) };
  return touched({ ...keys, revoked }, now);
}

/** With the rights of this version's roles. The same object, where it has them. */
export function withPresentRights<Keys extends AccountKeys>(keys: Keys, now = Date.now()): Keys {
  return keys.rights === rightsId() ? keys : touched({ ...keys, rights: rightsId() }, now);
}

/** Whether a text is the public key of a user. */
export function isUserKey(text: string): boolean {
  try {
    return text.startsWith("U") && nkeys.fromPublic(text).getPublicKey() === text;
  } catch {
    return false;
  }
}
