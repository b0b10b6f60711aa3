/**
 * The identity of a tenant in the data folder of `narun up`: an account at the servers of a network, with the keys of its roles.
 * The operator of the network gives it in a file; the tenant's later keys come over the record of its account.
 *
 *     network/tenant.json           the account, its keys, and the addresses of the network's servers
 *     network/ca.pem                the certificate of the network's authority
 *     network/logins/               as of a network (network-folder.ts)
 */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { z } from "zod";
import { messageOf, NarunError } from "../../contracts/index.ts";
import { makeOwnFolder } from "../../machine/index.ts";
import {
  AccountKeysSchema,
  keeperLogin,
  type LoginTexts,
  type Nats,
  type NatsLogin,
} from "../../nats/index.ts";
import { type LocalRole, LoginFiles } from "./login-files.ts";
import { folderOf, hasNetwork, writeOwn } from "./network-facts.ts";
import { openRecord } from "./record.ts";

/** The keys as the record of the account has them. */
export const TenantStateSchema = z.strictObject({ keys: AccountKeysSchema, version: z.int() });
export type TenantState = z.infer<typeof TenantStateSchema>;

export const TenantSchema = TenantStateSchema.extend({
  name: z.string(),
  /** Addresses of nats-servers, comma-separated. */
  url: z.string(),
  /** PEM. */
  ca: z.string(),
});
export type TenantFacts = z.infer<typeof TenantSchema>;

export const openTenantRecord = (nats: Nats, { account }: TenantState["keys"]) =>
  openRecord(nats, { seed: account, schema: TenantStateSchema });

/** How long a login of the account itself is good. It is made anew at each connect. */
const KEEPER_MS = 30 * 24 * 3_600_000;
/** How often logins are looked at. */
const RENEWAL_MS = 3_600_000;

const fileOf = (dataDir: string) => join(folderOf(dataDir), "tenant.json");

/** Whether a data folder has the identity of a tenant. */
export const hasTenant = (dataDir: string) => existsSync(fileOf(dataDir));

/**
 * Opens the tenant of a data folder. `file`: from the operator, for a folder without a tenant. Errors: TENANT_INVALID,
 * NETWORK_DATA_IN_USE.
 */
export async function openTenant(dataDir: string, file: string | undefined): Promise<Tenant> {
  const given = file === undefined ? undefined : readTenant(file);
  if (hasNetwork(dataDir))
    throw new NarunError("NETWORK_DATA_IN_USE", { detail: `${dataDir} has a network` });
  const present = hasTenant(dataDir) ? readTenant(fileOf(dataDir)) : undefined;
  const facts = present ?? given;
  if (facts === undefined) throw new NarunError("TENANT_INVALID", { detail: dataDir });
  if (given !== undefined && given.keys.account !== facts.keys.account)
    throw new NarunError("NETWORK_DATA_IN_USE", { detail: `${dataDir} is of the tenant ${facts.name}` });
  await makeOwnFolder(resolve(dataDir));
  await makeOwnFolder(folderOf(dataDir));
  await makeOwnFolder(join(folderOf(dataDir), "logins"));
  // The newer of the two: the operator may have given it again after a rotation.
  return new Tenant(dataDir, given !== undefined && given.version > facts.version ? given : facts);
}

function readTenant(file: string): TenantFacts {
  try {
    return TenantSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    // A parser's message has pieces of the text, which has seeds.
    const reason = error instanceof z.ZodError || error instanceof SyntaxError ? "" : `: ${messageOf(error)}`;
    throw new NarunError("TENANT_INVALID", { detail: `${file}${reason}` });
  }
}

export class Tenant {
  readonly #folder: string;
  readonly #logins: LoginFiles;
  #facts: TenantFacts;

  constructor(dataDir: string, facts: TenantFacts) {
    this.#folder = folderOf(dataDir);
    this.#facts = facts;
    this.#logins = new LoginFiles(join(this.#folder, "logins"));
    writeOwn(join(this.#folder, "ca.pem"), facts.ca);
    this.#adopt(facts);
  }

  get url(): string {
    return this.#facts.url;
  }

  get hostsKeyFile(): string {
    return this.#logins.hostsKey;
  }

  login(role: LocalRole): NatsLogin {
    return this.#logins.login(role, join(this.#folder, "ca.pem"));
  }

  keeper(): LoginTexts {
    return { creds: keeperLogin(this.#facts.keys, KEEPER_MS), ca: this.#facts.ca };
  }

  /** Follows the record of the account. Returns the function that ends it. */
  async keep(nats: Nats, log: Logger): Promise<() => void> {
    const ending = new AbortController();
    const record = await openTenantRecord(nats, this.#facts.keys);
    const adopt = (state: TenantState) => {
      if (state.version > this.#facts.version) this.#adopt(state);
    };
    const kept = await record.read();
    if (kept !== undefined) adopt(kept.state);
    await record.follow((state) => {
      try {
        adopt(state);
      } catch (error) {
        log.error({ err: error }, "a change of the tenant's keys was not taken over");
      }
    }, ending.signal);
    const timer = setInterval(() => this.#logins.renew(this.#facts.keys, Date.now()), RENEWAL_MS).unref();
    return () => {
      clearInterval(timer);
      ending.abort();
    };
  }

  #adopt({ keys, version }: TenantState): void {
    this.#facts = { ...this.#facts, keys, version };
    writeOwn(join(this.#folder, "tenant.json"), JSON.stringify(this.#facts));
    this.#logins.renew(keys, Date.now());
  }
}
