/**
 * The keys of a network and what they sign: an operator, its system account, and an account with a signing key for each role.
 * Everything of narun lives in that account, which sees nothing of other accounts of the same servers.
 *
 * I1  The rights of a role are the template of its signing key, in the account's JWT. A user's JWT has none of its own, so the
 *     holder of one role's key makes users of that role only, and changed rights need no new users.
 */
import { nkeys } from "@nats-io/transport-node";
import { z } from "zod";
import { inboxRoots, ROLES, type Role, roleRights, type SubjectRights } from "../../contracts/index.ts";
import { inboxTag, type KeyPair, keyPairOf, seedOfPair, signClaims } from "./claims.ts";

const Seed = z.string().regex(/^S[A-Z2-7]{57}$/);

/** Seeds of nkeys. They stay in one file that only its user can read. */
export const NetworkKeysSchema = z.strictObject({
  operator: Seed,
  system: Seed,
  account: Seed,
  /** The first signs; the others are still accepted, while a rotation is under way. */
  roles: z.record(z.enum(ROLES), z.tuple([Seed], Seed)),
});
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

/** One more account for the operator of these keys: a tenant. */
export function createTenantKeys({ operator, system }: NetworkKeys): NetworkKeys {
  return { operator, system, ...createAccountKeys() };
}

function createAccountKeys(): Pick<NetworkKeys, "account" | "roles"> {
  return { account: newSeed(), roles: ofEachRole(() => [newSeed()]) };
}

const newSeed = () => seedOfPair(nkeys.createAccount());

function ofEachRole(make: (role: Role) => [string, ...string[]]): NetworkKeys["roles"] {
  const [gateway, node, host] = [make("gateway"), make("node"), make("host")];
  return { gateway, node, host, author: make("author"), cli: make("cli"), join: make("join") };
}

/** The same keys with new ones of the roles, which sign from now on. `dropsOld`: the former ones are accepted no more. */
export function rotateRoleKeys(keys: NetworkKeys, { dropsOld }: { dropsOld: boolean }): NetworkKeys {
  const next = ([first, ...rest]: [string, ...string[]]): [string, ...string[]] =>
    dropsOld ? [first] : [newSeed(), first, ...rest];
  return { ...keys, roles: ofEachRole((role) => next(keys.roles[role])) };
}

export function roleKey(keys: NetworkKeys, role: Role): RoleKey {
  return { role, account: publicOf(keys.account), seed: keys.roles[role][0] };
}

const publicOf = (seed: string) => keyPairOf(seed).getPublicKey();
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

/** `tenants`: more accounts beside that of `keys`. */
export function serverIdentity(keys: NetworkKeys, tenants: readonly NetworkKeys[] = []): ServerIdentity {
  const operator = keyPairOf(keys.operator);
  const systemAccount = publicOf(keys.system);
  // An account with JetStream cannot be the system account.
  const system = signClaims(operator, {
    subject: systemAccount,
    name: "system",
    nats: { type: "account", limits: { ...UNLIMITED, ...OF_ACCOUNT } },
  });
  return {
    operatorJwt: signClaims(operator, {
      subject: operator.getPublicKey(),
      name: "narun",
      nats: { type: "operator", system_account: systemAccount },
    }),
    systemAccount,
    accounts: Object.fromEntries([
      [systemAccount, system],
      ...[keys, ...tenants].map((one) => [publicOf(one.account), accountJwt(one)]),
    ]),
  };
}

/** The claims of an account, with the rights of each role. */
export function accountJwt(keys: NetworkKeys): string {
  return signClaims(keyPairOf(keys.operator), {
    subject: publicOf(keys.account),
    name: "narun",
    nats: {
      type: "account",
      limits: { ...UNLIMITED, ...OF_ACCOUNT, ...OF_JETSTREAM },
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
