import type { NarunError, SealPlace } from "../contracts/index.ts";
import type { Nats } from "../nats/index.ts";
import { createSealer } from "./create-sealer.ts";
import { fileNameOf, type KeyFolder } from "./key-file.ts";
import { createHolderKeys } from "./node-keys.ts";
import { labelOfSealed, type Sealer } from "./sealer.ts";

/** Seals and opens texts at places of their own, as code does it (functions/sdk/seal/seal-port.ts). */
interface TextPort {
  seal(label: string, place: readonly string[], text: string): Promise<string>;
  open(label: string | undefined, place: readonly string[], sealed: string): Promise<string>;
}

export interface IdentitySealer {
  sealer: Sealer;
  port: TextPort;
  close(): void;
}

export interface IdentitySealerOptions {
  nats: Nats;
  folder: KeyFolder;
  /** `user:NAME`, by the user's own key file; `service:NAME`, by that of the node. */
  recipient: string;
  onRefused(error: NarunError): void;
}

/** A sealer with the key file of a user, or of a node for one of its services. Nothing is read before its first use. */
export function createIdentitySealer({ recipient, ...options }: IdentitySealerOptions): IdentitySealer {
  const file = recipient.startsWith("service:") ? "node.json" : fileNameOf(recipient);
  const { current, byId, close } = createHolderKeys({ ...options, file });
  const source = {
    current: (label: string) => current(recipient, label),
    byId: (kid: string) => byId(recipient, kid),
  };
  const sealer = createSealer(source);
  const port: TextPort = {
    async seal(label, place, text) {
      return Buffer.from(await sealer.seal(label, Buffer.from(text), place as SealPlace)).toString();
    },
    async open(label, place, sealed) {
      const known = label ?? labelOfSealed(sealed) ?? "none";
      return Buffer.from(await sealer.open(known, Buffer.from(sealed), place as SealPlace)).toString();
    },
  };
  return { sealer, port, close };
}
