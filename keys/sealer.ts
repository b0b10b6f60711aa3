/**
 * Seals bytes for the recipients of a label, and opens them: a JWE in compact form, as text.
 *
 * I1  A sealed value opens at its own place only: the place's digest is in the authenticated header.
 * I2  Nothing is handed on in clear where sealing fails, and no clear value is taken for a sealed one.
 */
import type { KeyObject } from "node:crypto";
import { NarunError, type SealPlace } from "../contracts/index.ts";
import { headerOf, importLabelKey, type Opened, openUnder, type SealFields, sealUnder } from "./jose.ts";
import { type LabelKey, labelOfKeyId } from "./label-keys.ts";
import { digestOfPlace, PLACE } from "./place.ts";

/** Where a sealer gets keys: a keyring for one recipient, or a host's channel to its node. */
export interface KeySource {
  current(label: string): Promise<LabelKey>;
  byId(kid: string): Promise<LabelKey>;
}

export interface Sealer {
  /** Errors: LABEL_UNKNOWN, LABEL_WITHOUT_RECIPIENTS, LABEL_NOT_GRANTED, RECIPIENT_WITHOUT_KEY, DIRECTORY_EXPIRED, KEYS_MISSING. */
  seal(label: string, bytes: Uint8Array, place: SealPlace): Promise<Uint8Array>;
  /**
   * The bytes, where they were sealed for this label at this place. Errors: SEAL_MISSING, SEAL_BROKEN, SEAL_MOVED, SEAL_KEY_UNKNOWN,
   * LABEL_NOT_GRANTED.
   */
  open(label: string, sealed: Uint8Array, place: SealPlace): Promise<Uint8Array>;
  /** Seals a stream in parts; see sealed-stream.ts. */
  sealStream(
    label: string,
    source: AsyncIterable<Uint8Array>,
    place: SealPlace,
  ): AsyncGenerator<Uint8Array, void>;
  /** Gives each part when it is verified. A stream that is cut off throws after its last whole part: SEAL_CUT_OFF. */
  openStream(
    label: string,
    source: AsyncIterable<Uint8Array>,
    place: SealPlace,
  ): AsyncGenerator<Uint8Array, void>;
}

/** Seals and opens single texts, with more fields of the header. */
export interface TextSealer {
  seal(label: string, bytes: Uint8Array, fields: SealFields): Promise<string>;
  open(label: string, sealed: string, place: SealPlace): Promise<Opened>;
}

export function createTextSealer(source: KeySource): TextSealer {
  const imported = new Map<string, Promise<KeyObject>>();
  const keyOf = ({ kid, bytes }: LabelKey) => {
    const key = imported.get(kid) ?? importLabelKey(bytes);
    imported.set(kid, key);
    return key;
  };
  return {
    async seal(label, bytes, fields) {
      const key = await source.current(label);
      return sealUnder(await keyOf(key), bytes, { kid: key.kid, ...fields });
    },
    async open(label, sealed, place) {
      const { kid, nrp } = await readHeader(sealed);
      if (labelOfKeyId(kid) !== label)
        throw new NarunError("SEAL_MOVED", {
          detail: `it is sealed for ${labelOfKeyId(kid)}, not for ${label}`,
        });
      const key = await keyOf(await source.byId(kid));
      const opened = await openUnder(key, sealed).catch(() => undefined);
      if (opened === undefined) throw new NarunError("SEAL_BROKEN", { detail: describePlace(place) });
      // Only a verified header tells of a move; any other may have been altered.
      if (nrp !== digestOfPlace(place)) throw new NarunError("SEAL_MOVED", { detail: describePlace(place) });
      return opened;
    },
  };
}

/** The label that a sealed text says it is for; nothing proves it. Undefined: it is no sealed text. */
export function labelOfSealed(sealed: string): string | undefined {
  if (!COMPACT.test(sealed)) return undefined;
  try {
    const { kid } = JSON.parse(Buffer.from(sealed.slice(0, sealed.indexOf(".")), "base64url").toString());
    return typeof kid === "string" ? labelOfKeyId(kid) : undefined;
  } catch {
    return undefined;
  }
}

/** Error: SEAL_MISSING. */
async function readHeader(sealed: string): Promise<{ kid: string; nrp: unknown }> {
  const header = COMPACT.test(sealed) ? await headerOf(sealed) : undefined;
  if (typeof header?.kid !== "string") throw new NarunError("SEAL_MISSING");
  return { kid: header.kid, nrp: header[PLACE] };
}

/** Five parts in base64url. The first begins with `{"`. */
const COMPACT = /^eyJ[\w-]+(?:\.[\w-]*){4}$/;

/** The place for people. */
export function describePlace(place: SealPlace): string {
  const [kind, ...parts] = place;
  return `${kind} ${parts.join("/")}`;
}
