/** A network's directory in memory, with the keys of its members. */
import type { Directory } from "../../contracts/index.ts";
import { enrol, type RootKeys } from "../changes.ts";
import { createSealer } from "../create-sealer.ts";
import { fingerprintOf, generatePair, type PrivateKey, publicHalf } from "../jose.ts";
import { createKeyring } from "../keyring.ts";
import { createTextSealer, type KeySource, type Sealer, type TextSealer } from "../sealer.ts";

export interface TestNetwork {
  root: RootKeys;
  directory: Directory;
  members: Map<string, PrivateKey>;
  /** Makes a key and enrols it. */
  add(identity: string, services?: string[]): Promise<void>;
  change(work: (directory: Directory, root: RootKeys) => Promise<Directory>): Promise<void>;
  /** The sealer of a recipient, with the key of a member. */
  sealer(recipient: string, member: string, nowMs?: () => number): Sealer;
  /** The same, for texts whose header fields a test chooses. */
  texts(recipient: string, member: string): TextSealer;
}

export async function createTestNetwork(): Promise<TestNetwork> {
  const root = { signing: await generatePair("Ed25519"), sealing: await generatePair("X25519") };
  const members = new Map<string, PrivateKey>();
  const network: TestNetwork = {
    root,
    members,
    directory: {
      ...{ format: 1, network: await fingerprintOf(root.signing), version: 1, signedAt: Date.now() },
      ...{ root: publicHalf(root.sealing), identities: {}, labels: {} },
    },
    async add(identity, services) {
      const pair = await generatePair("X25519");
      members.set(identity, pair);
      const kid = await fingerprintOf(pair);
      const enrolled = { identity, kid, key: publicHalf(pair), ...(services && { services }) };
      network.directory = await enrol(network.directory, root, enrolled);
    },
    async change(work) {
      network.directory = await work(network.directory, root);
    },
    sealer: (...who) => createSealer(keysOf(...who)),
    texts: (...who) => createTextSealer(keysOf(...who)),
  };
  const keysOf = (recipient: string, member: string, nowMs?: () => number): KeySource => {
    const holder = members.get(member);
    if (holder === undefined) throw new Error(`${member} has no key`);
    const ring = createKeyring({ holder, directory: async () => network.directory, ...(nowMs && { nowMs }) });
    return {
      current: (label) => ring.current(recipient, label),
      byId: (kid) => ring.byId(recipient, kid),
    };
  };
  return network;
}
