// biome-ignore-all lint/complexity/noArguments: rest parameters would change the methods' length
/**
 * `URL.createObjectURL` and `URL.revokeObjectURL` (File API, "blob URL store"). A URL keeps its blob until it is revoked or
 * the isolate ends. It cannot be resolved outside of the isolate.
 */
import { randomUuid } from "../crypto/random.ts";
import { URL } from "../url/url.ts";
import { requireArguments, toDOMString } from "../webidl/webidl.ts";
import { type Blob, isBlob } from "./blob.ts";

const store = new Map<string, Blob>();

/** The blob of a URL. The URL's fragment is ignored. */
export function blobOfUrl(url: string): Blob | undefined {
  return url.startsWith("blob:") ? store.get(withoutFragment(url)) : undefined;
}

const methods = {
  createObjectURL(blob: unknown): string {
    requireArguments(arguments.length, 1, "URL.createObjectURL");
    if (!isBlob(blob)) throw new TypeError("URL.createObjectURL: parameter 1 is not a Blob.");
    // An isolate has no origin, which is serialised as "null".
    const url = `blob:null/${randomUuid()}`;
    store.set(url, blob);
    return url;
  },
  revokeObjectURL(url: unknown): void {
    requireArguments(arguments.length, 1, "URL.revokeObjectURL");
    store.delete(toDOMString(url));
  },
};

Object.defineProperties(URL, Object.getOwnPropertyDescriptors(methods));

function withoutFragment(url: string): string {
  const at = url.indexOf("#");
  return at === -1 ? url : url.slice(0, at);
}
