/**
 * The keys of a network and their signatures: an operator, its system account, and an account with a signing key for each role.
 * Everything of narun lives in that account, which sees nothing of other accounts of the same servers.
 *
 * I1  The rights of a role are the template of its signing key, in the account's JWT. A user's JWT has none of its own, so the
 *     holder of one role's key makes users of that role only, and changed rights need no new users.
 */
import { createHash } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";
import { z } from "zod";
import { inboxRoots, ROLES, type Role, roleRights, type SubjectRights } from "../../contracts/index.ts";
import { inboxTag, type KeyPair, keyPairOf, seedOfPair, signClaims } from "./claims.ts";

const Seed = z.string().regex(/^S[A-Z2-7]{57}$/);

/** Upper bounds of an account, which its servers keep. Default: none. */
export const AccountLimitsSchema = z.strictObject({
  /** Bound of clients, over all servers. */
  connections: z.int().positive().optional(),
  /** Bound of all streams in files. */
  storageBytes: z.int().positive().optional(),
});
export type AccountLimits = z.infer<typeof AccountLimitsSchema>;

/** An account with its seeds. */
export const AccountKeysSchema = z.strictObject({
  account: Seed,
  /** The first signs; the others are still accepted, while a rotation is under way. */
  roles: z.record(z.enum(ROLES), z.tuple([Seed], Seed)),
  /** Until when a former key of a role is accepted: its public key → milliseconds. */
  ends: z.record(z.string(), z.number()).default({}),
  /** Users that are no longer let in: their public keys → seconds; logins made later are. */
  revoked: z.record(z.string(), z.number()).default({}),
  /** Seconds. Servers keep the newest claims of an account. 0: they were never changed. */
  changedAt: z.int().default(0),
  /** Names the rights of the claims (`rightsId`). */
  rights: z.string().default(""),
  limits: AccountLimitsSchema.default({}),
});
export type AccountKeys = z.infer<typeof AccountKeysSchema>;

/** Seeds of nkeys. They stay in one file that only its user can read. */
export const NetworkKeysSchema = AccountKeysSchema.extend({ operator: Seed, system: Seed });
export type NetworkKeys = z.infer<typeof NetworkKeysSchema>;

/** The key with which users of one role are made. */
export interface RoleKey {
  role: Role;
  /** The public key of the account. */
  account: string;
  seed: string;
}

export function createNetworkKeys(): NetworkKeys {
  return {
    operator: seedOfPair(nkeys.createOperator()),
    system: newSeed(),
    ...createAccountKeys(),
  };
}

export function createAccountKeys(limits: AccountLimits = {}, now = Date.now()): AccountKeys {
  const changedAt = Math.floor(now / 1_000);
  const roles = ofEachRole(() => [newSeed()]);
  return { account: newSeed(), roles, ends: {}, revoked: {}, changedAt, rights: rightsId(), limits };
}

/** Stands for the rights of all roles in this version. */
export function rightsId(): string {
  return createHash("sha256").update(JSON.stringify(roleRights)).digest("hex").slice(0, 16);
}

const newSeed = () => seedOfPair(nkeys.createAccount());

function ofEachRole(make: (role: Role) => [string, ...string[]]): NetworkKeys["roles"] {
  const [gateway, node, host] = [make("gateway"), make("node"), make("host")];
  return { gateway, node, host, author: make("author"), cli: make("cli"), join: make("join") };
}

export function roleKey(keys: AccountKeys, role: Role): RoleKey {
  return { role, account: publicOf(keys.account), seed: keys.roles[role][0] };
}

export const publicOf = (seed: string) => keyPairOf(seed).getPublicKey();
const UNLIMITED = { subs: -1, data: -1, payload: -1 };
const OF_ACCOUNT = { imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const OF_JETSTREAM = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** The part of a nats-server's configuration that says who may log in. */
export interface ServerIdentity {
  operatorJwt: string;
  systemAccount: string;
  /** Accounts by their public keys. */
  accounts: Readonly<Record<string, string>>;
}

export function serverIdentity(keys: NetworkKeys): ServerIdentity {
  const operator = keyPairOf(keys.operator);
  const systemAccount = publicOf(keys.system);
  // An account with JetStream cannot be the system account.
  const system = signClaims(operator, {
    ...{ subject: systemAccount, name: "system", now: 0 },
    nats: { type: "account", limits: { ...UNLIMITED, ...OF_ACCOUNT } },
  });
  return {
    operatorJwt: signClaims(operator, {
      ...{ subject: operator.getPublicKey(), name: "narun", now: 0 },
      nats: { type: "operator", system_account: systemAccount },
    }),
    systemAccount,
    accounts: { [systemAccount]: system, [publicOf(keys.account)]: accountJwt(keys.operator, keys) },
  };
}

/** The claims of an account, with the rights of each role. */
export function accountJwt(operator: string, keys: AccountKeys, name = "narun"): string {
  const { connections: conn = -1, storageBytes: disk_storage = -1 } = keys.limits;
  return signClaims(keyPairOf(operator), {
    ...{ subject: publicOf(keys.account), name, now: keys.changedAt * 1_000 },
    nats: {
      type: "account",
      limits: { ...UNLIMITED, ...OF_ACCOUNT, ...OF_JETSTREAM, conn, disk_storage },
      ...(Object.keys(keys.revoked).length === 0 ? {} : { revocations: keys.revoked }),
      signing_keys: ROLES.flatMap((role) =>
        keys.roles[role].map((seed) => ({
          kind: "user_scope",
          key: publicOf(seed),
          role,
          template: { ...UNLIMITED, ...templateOf(role) },
        })),
      ),
    },
  });
}

function templateOf(role: Role) {
  const side = ({ allow, deny = [] }: SubjectRights) => ({
    allow,
    ...(deny.length === 0 ? {} : { deny }),
  });
  const { publish, subscribe } = roleRights[role];
  return { pub: side(publish), sub: side(subscribe) };
}

/** The claims of an account that is gone: no login is let in. They stay, so that no server brings the account back. */
export function goneJwt(operator: string, account: string, changedAt: number): string {
  return signClaims(keyPairOf(operator), {
    ...{ subject: account, name: "gone", now: changedAt * 1_000 },
    nats: {
      type: "account",
      limits: { ...UNLIMITED, ...OF_ACCOUNT, conn: 0 },
      revocations: { "*": changedAt },
    },
  });
}

/** A user of the account itself, with all of its rights: no rotation of a role's key ends its login. */
export function keeperLogin(keys: AccountKeys, lifeMs: number): string {
  const name = randomName();
  return credsOf(keyPairOf(keys.account), {
    name,
    nats: { type: "user", ...UNLIMITED, tags: [inboxTag(`${inboxRoots.cli}.${name}`)] },
    expiresAtMs: Date.now() + lifeMs,
  });
}

/** A user of the system account, who may give servers new accounts. */
export function systemLogin(keys: NetworkKeys, lifeMs: number): string {
  return credsOf(keyPairOf(keys.system), {
    name: "narun",
    nats: { type: "user", ...UNLIMITED },
    expiresAtMs: Date.now() + lifeMs,
  });
}

export interface LoginOptions {
  /** Names the user, and its inboxes. Default: a random name. */
  name?: string;
  /** For hosts (host-tags.ts). */
  tags?: readonly string[];
  /** Default: it does not end. */
  lifeMs?: number;
  now?: number;
}

/** A new user of a role: a credentials file. */
export function createLogin(
  { role, account, seed }: RoleKey,
  { name = randomName(), tags = [], lifeMs, now = Date.now() }: LoginOptions = {},
): string {
  const inbox = inboxTag(`${inboxRoots[role]}.${name}`);
  return credsOf(keyPairOf(seed), {
    name,
    nats: { type: "user", issuer_account: account, tags: [inbox, ...tags] },
    expiresAtMs: lifeMs === undefined ? undefined : now + lifeMs,
    now,
  });
}

/** A name that none can guess: it is a part of inboxes. */
export function randomName(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString("hex");
}

function credsOf(issuer: KeyPair, claims: Omit<Parameters<typeof signClaims>[1], "subject">): string {
  const user = nkeys.createUser();
  const jwt = signClaims(issuer, { ...claims, subject: user.getPublicKey() });
  return [
    `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n`,
    `-----BEGIN USER NKEY SEED-----\n${seedOfPair(user)}\n------END USER NKEY SEED------\n`,
  ].join("\n");
}
