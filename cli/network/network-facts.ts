/** The facts of a network, as every node of it keeps them in its data folder: see network-folder.ts. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { NarunError } from "../../contracts/index.ts";
import {
  errnoOf,
  fingerprintOfCertificate,
  makeAuthority,
  makeOwnFolder,
  writeWholeSync,
} from "../../machine/index.ts";
import { AccountKeysSchema, createNetworkKeys, NetworkKeysSchema } from "../../nats/index.ts";

const AUTHORITY_DAYS = 3_650;

const Pair = z.strictObject({ cert: z.string(), key: z.string() });

/** The part of the facts that changes while the network runs: its nodes tell it each other (network-record.ts). */
export const NetworkStateSchema = z.strictObject({
  keys: NetworkKeysSchema,
  /** Tenants: further accounts, by their names. */
  tenants: z.record(z.string(), AccountKeysSchema).default({}),
  /** Accounts of tenants that were removed: their public keys → seconds. */
  gone: z.record(z.string(), z.int()).default({}),
  /** Grows with each change. */
  version: z.int().default(0),
});
export type NetworkState = z.infer<typeof NetworkStateSchema>;

/** The facts that all nodes of a network share. */
export const NetworkSchema = NetworkStateSchema.extend({
  authority: Pair,
  /** `HOST:PORT` of the servers' addresses for each other. */
  routes: z.array(z.string()),
});
export type NetworkFacts = z.infer<typeof NetworkSchema>;

export const folderOf = (dataDir: string) => resolve(dataDir, "network");

/** SHA-256 of the certificate of a network's authority, hex. */
export const fingerprintOfNetwork = ({ authority }: NetworkFacts) => fingerprintOfCertificate(authority.cert);

const FACTS_FILE = "network.json";
const AUTHORITY_FILE = "authority.json";
/** The address of this machine's nats-server. A folder that has it has run. */
export const ADDRESS_FILE = "address";

/**
 * Whether a data folder has a network's identity: its server is closed to strangers then, at any address. Also one that lost its
 * keys: its server must not become open by that, nor get others.
 */
export function hasNetwork(dataDir: string): boolean {
  return [FACTS_FILE, ADDRESS_FILE].some((file) => existsSync(join(folderOf(dataDir), file)));
}

export async function createNetwork(now = Date.now()): Promise<NetworkFacts> {
  return {
    ...{ keys: createNetworkKeys(), tenants: {}, gone: {}, version: 0 },
    authority: await makeAuthority({ days: AUTHORITY_DAYS, now }),
    routes: [],
  };
}

/** Reads the network of a data folder. Undefined where there is none. Error: NETWORK_DAMAGED. */
export function readNetwork(dataDir: string): NetworkFacts | undefined {
  if (!hasNetwork(dataDir)) return undefined;
  const folder = folderOf(dataDir);
  const facts = readPart(join(folder, FACTS_FILE), NetworkSchema.omit({ authority: true }));
  return { ...facts, authority: readPart(join(folder, AUTHORITY_FILE), Pair) };
}

function readPart<Schema extends z.ZodType>(file: string, schema: Schema): z.infer<Schema> {
  try {
    return schema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    // A parser's message has pieces of the text, which has keys.
    const reason = errnoOf(error) ?? "its text is cut off, or was changed";
    throw new NarunError("NETWORK_DAMAGED", { detail: `${file}: ${reason}` });
  }
}

export async function writeNetwork(dataDir: string, facts: NetworkFacts): Promise<void> {
  await makeOwnFolder(resolve(dataDir));
  const folder = folderOf(dataDir);
  await makeOwnFolder(folder);
  await makeOwnFolder(join(folder, "logins"));
  writeOwn(join(folder, AUTHORITY_FILE), JSON.stringify(facts.authority));
  writeOwn(join(folder, "ca.pem"), facts.authority.cert);
  writeFacts(folder, facts);
}

/** Writes all but the authority, which stays. */
export function writeFacts(folder: string, { authority: _, ...facts }: NetworkFacts): void {
  writeOwn(join(folder, FACTS_FILE), JSON.stringify(facts));
}

export function writeOwn(file: string, text: string): void {
  writeWholeSync(file, text, 0o600);
}

export function readOr(file: string, fallback: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return fallback;
  }
}
