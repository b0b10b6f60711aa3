/**
 * The keys of an account as its nodes tell them each other: one value in a bucket of the account, sealed under a seed that
 * all of them have. A writer replaces only the value that it has read, so that no change is lost.
 */
import { hkdfSync } from "node:crypto";
import { z } from "zod";
import { NarunError, stores } from "../../contracts/index.ts";
import { type Nats, openSealedRecords, parseSecretsKey } from "../../nats/index.ts";

export interface Kept<State> {
  state: State;
  revision: number;
}

export interface IdentityRecord<State> {
  /** Error: SECRET_UNREADABLE, where another seed sealed it. */
  read(): Promise<Kept<State> | undefined>;
  /** Undefined: another one wrote meanwhile. Revision 0: there was none. */
  write(state: State, revision: number): Promise<number | undefined>;
  /** Calls back with the present state, and with each change. A value that cannot be read is left out. */
  follow(onState: (state: State) => void, signal: AbortSignal): Promise<void>;
}

export interface RecordOptions<State> {
  /** All who serve the account have it. */
  seed: string;
  schema: z.ZodType<State>;
}

const KEY = "state";
const NAME = `${stores.network.bucket}/${KEY}`;
const SealedSchema = z.object({ ciphertext: z.string(), nonce: z.string() });

/** Makes the bucket where it is missing. Error: NATS_JETSTREAM_UNAVAILABLE. */
export async function openRecord<State>(
  nats: Nats,
  { seed, schema }: RecordOptions<State>,
): Promise<IdentityRecord<State>> {
  const bytes = hkdfSync("sha256", seed, "", "narun identity record", 32);
  const key = parseSecretsKey(Buffer.from(bytes).toString("base64"));
  if (key === undefined) throw new TypeError("the key of a record has another length");
  const kv = await openSealedRecords<State>(nats, {
    encode: (state) => JSON.stringify(key.seal(NAME, JSON.stringify(state))),
    decode(text) {
      const sealed = SealedSchema.safeParse(JSON.parse(text));
      if (!sealed.success) throw new NarunError("SECRET_UNREADABLE", { detail: NAME });
      const stored = { ...sealed.data, name: "state", created_at: "", updated_at: "" };
      return schema.parse(JSON.parse(key.open(NAME, stored)));
    },
  });
  return {
    async read() {
      const read = await kv.get(KEY);
      if (read === undefined) return undefined;
      if (!read.ok) throw read.error;
      return { state: read.value, revision: read.revision };
    },
    write: (state, revision) => (revision === 0 ? kv.create(KEY, state) : kv.update(KEY, state, revision)),
    follow: (onState, signal) =>
      kv.watch((change) => {
        if (change.kind === "put" && change.read.ok) onState(change.read.value);
      }, signal),
  };
}
