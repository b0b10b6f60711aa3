/** The host's side of sealing, as code sees it: a property of `env` that is not enumerable. No key comes to the code. */

export interface SealPort {
  /** `place`: the owner of the text; it opens there alone. Rejects by a code of docs/encryption.md. */
  seal(label: string, place: readonly string[], text: string): Promise<string>;
  /** Without a label: that of its own key. */
  open(label: string | undefined, place: readonly string[], sealed: string): Promise<string>;
}

/** The name of the property. */
const SEAL_PROPERTY = "narun:seal";

/** The form of a label: `payments`, `user:42`. contracts/keys.ts has the same. */
export const LABEL = /^[a-z0-9](?:[a-z0-9:_-]{0,61}[a-z0-9])?$/;

export function sealPortOf(env: unknown): SealPort {
  const port = (env as Record<string, SealPort | undefined> | null | undefined)?.[SEAL_PROPERTY];
  if (port !== undefined) return port;
  throw Object.assign(new Error("KEYS_MISSING: there is no key file where one is needed"), {
    code: "KEYS_MISSING",
  });
}

/** The code of a refusal to seal or to open. Undefined: it is another error. */
export function sealCodeOf(error: unknown): string | undefined {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return [code, name].find((one): one is string => typeof one === "string" && CODE.test(one));
}

const CODE = /^(?:SEAL|LABEL|KEYS?|DIRECTORY|RECIPIENT)_[A-Z_]+$/;
