/**
 * The keys of labels that the holder of a key file opens: a node for the functions that it runs, or a user. The private key stays in
 * this process and its file.
 *
 * I1  A host gets the labels' keys of a function only where that function has the label (the caller checks that it runs there).
 * I2  Nothing is opened before the first function that seals.
 */
import { NarunError } from "../contracts/index.ts";
import type { Nats } from "../nats/index.ts";
import { openNewest } from "./directory.ts";
import { followDirectory } from "./follow-directory.ts";
import { type KeyFolder, readKeyFile } from "./key-file.ts";
import { createKeyring } from "./keyring.ts";
import type { LabelKey } from "./label-keys.ts";
import { openKeyStore } from "./store.ts";

export interface NodeKeys {
  /**
   * The key with which a function seals for a label. Errors: KEYS_MISSING, KEY_FILE_UNREADABLE, LABEL_UNKNOWN,
   * LABEL_WITHOUT_RECIPIENTS, LABEL_NOT_GRANTED, RECIPIENT_WITHOUT_KEY, SEAL_KEY_UNKNOWN and the errors of the directory.
   */
  current(service: string, label: string): Promise<LabelKey>;
  /** A key by its id. The directory is read anew where it does not know the key. */
  byId(service: string, kid: string): Promise<LabelKey>;
  close(): void;
}

export interface NodeKeysOptions {
  nats: Nats;
  /** Undefined: the node has no keys. */
  folder: KeyFolder | undefined;
  onRefused(error: NarunError): void;
}

export function createNodeKeys(options: NodeKeysOptions): NodeKeys {
  const { current, byId, close } = createHolderKeys({ ...options, file: "node.json" });
  return {
    current: (service, label) => current(`service:${service}`, label),
    byId: (service, kid) => byId(`service:${service}`, kid),
    close,
  };
}

interface HolderKeysOptions extends NodeKeysOptions {
  /** The name of the key file. */
  file: string;
}

/** The same, for any recipient: `service:NAME`, `user:NAME`. */
export function createHolderKeys({ nats, folder, file: name, onRefused }: HolderKeysOptions): NodeKeys {
  const ending = new AbortController();
  let opening: ReturnType<typeof open> | undefined;
  const open = async () => {
    const file = folder && (await readKeyFile(folder, name));
    if (folder === undefined || file === undefined)
      throw new NarunError("KEYS_MISSING", {
        detail: folder === undefined ? "no --keys" : `${folder.path}/${name}`,
      });
    const store = await openKeyStore(nats);
    const { network } = file;
    const newest = await openNewest(folder.path, network);
    const followed = followDirectory({ store, network, newest, signal: ending.signal, onRefused });
    const ring = (directory: () => ReturnType<typeof followed.newest>) =>
      createKeyring({ holder: file.sealing, directory });
    return { present: ring(followed.newest), renewed: ring(followed.refresh) };
  };
  const opened = () => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  /** A grant may be newer than the directory that is known here. */
  const either = async <T>(
    use: (ring: Awaited<ReturnType<typeof open>>["present"]) => Promise<T>,
  ): Promise<T> => {
    const { present, renewed } = await opened();
    return use(present).catch(() => use(renewed));
  };
  return {
    current: (recipient, label) => either((ring) => ring.current(recipient, label)),
    byId: (recipient, kid) => either((ring) => ring.byId(recipient, kid)),
    close: () => ending.abort(),
  };
}
