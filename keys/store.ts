/** The bucket `narun-keys`: the directory, and the keys that ask to be enrolled. */
import { type Enrolment, EnrolmentSchema, NarunError, parseJson } from "../contracts/index.ts";
import { type Nats, openKeyTexts, type TypedKv } from "../nats/index.ts";

const DIRECTORY = "directory";
const ASK = "ask.";

export interface KeyStore {
  /** The stored text, unverified, with its revision for `write`. */
  read(): Promise<{ text: string; revision: number } | undefined>;
  /** Replaces what `read` gave. Errors: DIRECTORY_CHANGED, DIRECTORY_FULL. */
  write(text: string, revision: number | undefined): Promise<void>;
  /** Calls back with the text there is, and with every change. */
  watch(onText: (text: string) => void, signal: AbortSignal): Promise<void>;
  ask(enrolment: Enrolment): Promise<void>;
  asked(): Promise<Enrolment[]>;
  answered(kid: string): Promise<void>;
}

export async function openKeyStore(nats: Nats): Promise<KeyStore> {
  const bucket = await openKeyTexts(nats);
  return {
    async read() {
      const read = await bucket.get(DIRECTORY);
      if (read === undefined) return undefined;
      if (!read.ok) throw new NarunError("DIRECTORY_FORGED", { detail: "it cannot be read" });
      return { text: read.value, revision: read.revision };
    },
    async write(text, revision) {
      if (Buffer.byteLength(text) > nats.maxPayload - HEADROOM)
        throw new NarunError("DIRECTORY_FULL", { detail: `${Buffer.byteLength(text)} bytes` });
      const written =
        revision === undefined
          ? await bucket.create(DIRECTORY, text)
          : await bucket.update(DIRECTORY, text, revision);
      if (written === undefined) throw new NarunError("DIRECTORY_CHANGED");
    },
    watch: (onText, signal) => watchDirectory(bucket, onText, signal),
    async ask(enrolment) {
      await bucket.put(ASK + enrolment.kid, JSON.stringify(enrolment));
    },
    async asked() {
      const entries = await bucket.list(`${ASK}*`);
      return entries.flatMap((read) => (read.ok ? (parseJson(read.value, EnrolmentSchema) ?? []) : []));
    },
    answered: (kid) => bucket.delete(ASK + kid),
  };
}

/** Room for the subject and the header of a message. */
const HEADROOM = 4_096;

function watchDirectory(
  bucket: TypedKv<string>,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  return bucket.watch((change) => {
    if (change.kind === "put" && change.read.key === DIRECTORY && change.read.ok) onText(change.read.value);
  }, signal);
}
