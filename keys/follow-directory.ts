/**
 * The newest directory, for a process that lives long. It watches the bucket, and reads it anew where it lacks something.
 *
 * I1  A refused directory changes nothing: the one before stays in use.
 */
import { type Directory, messageOf, NarunError } from "../contracts/index.ts";
import { type Newest, readDirectory, type SignedDirectory } from "./directory.ts";
import type { KeyStore } from "./store.ts";

export interface FollowedDirectory {
  /** Errors: DIRECTORY_MISSING, and the errors of `readDirectory` and `Newest` where no directory was ever taken. */
  newest(): Promise<Directory>;
  /** Reads the bucket anew; the same errors. */
  refresh(): Promise<Directory>;
}

export interface FollowParts {
  store: KeyStore;
  network: string;
  newest: Newest;
  signal: AbortSignal;
  /** A directory was refused. */
  onRefused(error: NarunError): void;
}

export function followDirectory({
  store,
  network,
  newest,
  signal,
  onRefused,
}: FollowParts): FollowedDirectory {
  let refusal: NarunError | undefined;
  const take = async (text: string): Promise<SignedDirectory | undefined> => {
    try {
      const taken = await newest.take(await readDirectory(text, network));
      refusal = undefined;
      return taken;
    } catch (error) {
      refusal =
        error instanceof NarunError
          ? error
          : new NarunError("DIRECTORY_FORGED", { detail: messageOf(error) });
      onRefused(refusal);
      return undefined;
    }
  };
  const read = async (): Promise<Directory> => {
    const found = await store.read();
    if (found !== undefined) await take(found.text);
    const { current } = newest;
    if (current !== undefined) return current.directory;
    throw refusal ?? new NarunError("DIRECTORY_MISSING");
  };
  const watching = store.watch((text) => void take(text), signal);
  return {
    async newest() {
      await watching.catch(() => undefined);
      return newest.current?.directory ?? read();
    },
    refresh: read,
  };
}
