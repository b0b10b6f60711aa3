/** The logins of a machine's gateway, node and operator, in files: `<role>.creds`, and the key of its hosts' logins. */
import { join } from "node:path";
import type { Role } from "../../contracts/index.ts";
import {
  type AccountKeys,
  claimsIn,
  createLogin,
  keyPairOf,
  type NatsLogin,
  roleKey,
} from "../../nats/index.ts";
import { readOr, writeOwn } from "./network-facts.ts";

const DAY_MS = 24 * 3_600_000;
const LOGIN_MS = 90 * DAY_MS;
/** Certificates and logins are made anew so long before their end. */
export const RENEW_BEFORE_MS = 30 * DAY_MS;

/** The roles that have a login on a machine. */
const LOGINS = ["gateway", "node", "cli"] as const satisfies readonly Role[];
export type LocalRole = (typeof LOGINS)[number];

export class LoginFiles {
  readonly #folder: string;

  /** `folder`: where they are, with the mode 0700. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  get hostsKey(): string {
    return join(this.#folder, "hosts.json");
  }

  login(role: LocalRole, caFile: string): NatsLogin {
    return { creds: { file: this.#file(role) }, ca: { file: caFile } };
  }

  /** Makes the logins anew that end soon, or that another key signed. */
  renew(keys: AccountKeys, now: number): void {
    const hosts = JSON.stringify(roleKey(keys, "host"));
    if (readOr(this.hostsKey, "") !== hosts) writeOwn(this.hostsKey, hosts);
    for (const role of LOGINS) {
      const key = roleKey(keys, role);
      const { exp = 0, name, iss } = claimsIn(readOr(this.#file(role), "")) ?? {};
      const isOfKey = iss === keyPairOf(key.seed).getPublicKey();
      if (isOfKey && exp * 1_000 - now > RENEW_BEFORE_MS) continue;
      // The same name: replies to a connection that logs in again come to the same inboxes.
      const login = createLogin(key, { lifeMs: LOGIN_MS, now, ...(name === undefined ? {} : { name }) });
      writeOwn(this.#file(role), login);
    }
  }

  #file(role: LocalRole): string {
    return join(this.#folder, `${role}.creds`);
  }
}
