/**
 * Seals bytes for the recipients of a label, and opens them: a JWE in compact form, as text.
 *
 * I1  A sealed value opens at its own place only: the place's digest is in the authenticated header.
 * I2  Nothing is handed on in clear where sealing fails, and no clear value is taken for a sealed one.
 */
import { NarunError, type SealPlace } from "../contracts/index.ts";
import {
  type Compact,
  createLabelCipher,
  type LabelCipher,
  type Opened,
  parseCompact,
  type SealFields,
} from "./label-cipher.ts";
import { type LabelKey, labelOfKeyId } from "./label-keys.ts";
import { digestOfPlace, PLACE } from "./place.ts";

/** Where a sealer gets keys: a keyring for one recipient, or a host's channel to its node. */
export interface KeySource {
  current(label: string): Promise<LabelKey>;
  byId(kid: string): Promise<LabelKey>;
  /** A key by its id, where it is at hand. Default: none is. */
  known?(kid: string): LabelKey | undefined;
}

export interface Sealer {
  /** Errors: LABEL_UNKNOWN, LABEL_WITHOUT_RECIPIENTS, LABEL_NOT_GRANTED, RECIPIENT_WITHOUT_KEY, DIRECTORY_EXPIRED, KEYS_MISSING. */
  seal(label: string, bytes: Uint8Array, place: SealPlace): Promise<Uint8Array>;
  /**
   * The bytes, where they were sealed for this label at this place. Errors: SEAL_MISSING, SEAL_BROKEN, SEAL_MOVED, SEAL_KEY_UNKNOWN,
   * LABEL_NOT_GRANTED.
   */
  open(label: string, sealed: Uint8Array, place: SealPlace): Promise<Uint8Array>;
  /** As `seal`, from text to text. */
  sealText(label: string, text: string, place: SealPlace): Promise<string>;
  /** As `open`, from text to text. */
  openText(label: string, sealed: string, place: SealPlace): Promise<string>;
  /** As `openText` under the label that the text names, at once. Undefined: the key is not at hand, or the text does not open. */
  openNow(sealed: string, place: SealPlace): { label: string; text: string } | undefined;
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
  seal(label: string, content: Uint8Array | string, fields: SealFields): Promise<string>;
  open(label: string, sealed: string, place: SealPlace): Promise<Opened>;
  openNow(sealed: string, place: SealPlace): (Opened & { label: string }) | undefined;
}

export function createTextSealer(source: KeySource): TextSealer {
  const ciphers = new Map<string, LabelCipher>();
  const cipherOf = ({ kid, bytes }: LabelKey) => {
    const cipher = ciphers.get(kid) ?? createLabelCipher(bytes);
    ciphers.set(kid, cipher);
    return cipher;
  };
  return {
    async seal(label, content, fields) {
      const key = await source.current(label);
      return cipherOf(key).seal(content, { kid: key.kid, ...fields });
    },
    async open(label, sealed, place) {
      const compact = parseCompact(sealed);
      const kid = compact?.fields.kid;
      if (compact === undefined || typeof kid !== "string") throw new NarunError("SEAL_MISSING");
      if (labelOfKeyId(kid) !== label)
        throw new NarunError("SEAL_MOVED", {
          detail: `it is sealed for ${labelOfKeyId(kid)}, not for ${label}`,
        });
      const cipher = cipherOf(await source.byId(kid));
      const opened = openWith(cipher, compact);
      if (opened === undefined) throw new NarunError("SEAL_BROKEN", { detail: describePlace(place) });
      // Only a verified header tells of a move; any other may have been altered.
      if (opened.fields[PLACE] !== digestOfPlace(place))
        throw new NarunError("SEAL_MOVED", { detail: describePlace(place) });
      return opened;
    },
    openNow(sealed, place) {
      const compact = parseCompact(sealed);
      const kid = compact?.fields.kid;
      const key = compact !== undefined && typeof kid === "string" ? source.known?.(kid) : undefined;
      if (compact === undefined || key === undefined) return undefined;
      const opened = openWith(cipherOf(key), compact);
      if (opened?.fields[PLACE] !== digestOfPlace(place)) return undefined;
      return { ...opened, label: labelOfKeyId(key.kid) };
    },
  };
}

function openWith(cipher: LabelCipher, compact: Compact): Opened | undefined {
  try {
    return cipher.open(compact);
  } catch {
    return undefined;
  }
}

/** The label that a sealed text says it is for; nothing proves it. Undefined: it is no sealed text. */
export function labelOfSealed(sealed: string): string | undefined {
  const kid = parseCompact(sealed)?.fields.kid;
  return typeof kid === "string" ? labelOfKeyId(kid) : undefined;
}

/** The place for people. */
export function describePlace(place: SealPlace): string {
  const [kind, ...parts] = place;
  return `${kind} ${parts.join("/")}`;
}
