/** Sealed values on the command line: opened by the key file of a user, where one is named. */
import { IdentitySchema, isNarunError, type JournalSeals, type SealPlace } from "../contracts/index.ts";
import { createIdentitySealer, labelOfSealed } from "../keys/index.ts";
import type { Nats } from "../nats/index.ts";
import { wrongUse } from "./options/values.ts";

/** The bytes in clear; or `sealed`: the label of a value that stays closed, and the code of the fault where there is a key. */
export type OpenSealed = (
  bytes: Uint8Array,
  place: SealPlace,
) => Promise<{ data: Uint8Array; sealed?: string; closed?: string }>;

export interface SealedOpener {
  open: OpenSealed;
  /** Undefined: no key is named. */
  seal: ((label: string, bytes: Uint8Array, place: SealPlace) => Promise<Uint8Array>) | undefined;
  /** For journals of workflows. Undefined: no key is named. */
  seals: JournalSeals | undefined;
}

/** Error: USAGE. */
export function openerOf(
  nats: Nats,
  {
    keysAs,
    keysDir,
    keysPassphrase: passphrase,
  }: { keysAs: string | undefined; keysDir: string | undefined; keysPassphrase: string | undefined },
): SealedOpener & Disposable {
  const labelOf = (bytes: Uint8Array) => labelOfSealed(Buffer.from(bytes).toString("latin1")) ?? "nobody";
  if (keysAs === undefined)
    return {
      open: async (data) => ({ data, sealed: labelOf(data) }),
      seal: undefined,
      seals: undefined,
      [Symbol.dispose]: () => undefined,
    };
  if (keysDir === undefined || !IdentitySchema.safeParse(keysAs).success)
    throw wrongUse("--as user:NAME needs --keys: the folder of its key file");
  const { sealer, port, close } = createIdentitySealer({
    ...{ nats, recipient: keysAs, folder: { path: keysDir, passphrase } },
    // A value that lacks the newer directory says so by its code.
    onRefused: () => undefined,
  });
  return {
    async open(data, place) {
      const label = labelOf(data);
      try {
        return { data: await sealer.open(label, data, place) };
      } catch (error) {
        if (!isNarunError(error)) throw error;
        return { data, sealed: label, closed: error.code };
      }
    },
    seal: sealer.seal,
    seals: {
      seal: port.seal,
      // A value that cannot be opened stays as it is, and is shown as sealed.
      open: (label, place, sealed) =>
        port.open(label, place, sealed).catch((error: unknown) => {
          if (isNarunError(error)) return sealed;
          throw error;
        }),
    },
    [Symbol.dispose]: close,
  };
}
