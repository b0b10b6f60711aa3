/**
 * `URL` and `URLSearchParams` by whatwg-url, the standard's reference implementation. Its IDNA tables are left out of
 * the snapshot (they are larger than everything else in it together): `idna.ts` stands in for its `tr46` and asks the host.
 */
import type * as library from "whatwg-url";
import wrapper from "whatwg-url/webidl2js-wrapper.js";

export type { URLRecord } from "whatwg-url";
export {
  basicURLParse,
  serializeHost,
  serializePath,
  serializeURL,
  setThePassword,
  setTheUsername,
} from "./url-parser.ts";

type Interfaces = Pick<typeof library, "URL" | "URLSearchParams">;

/** What the interfaces take from their global object, and are put on. */
const scope = { Array, Object, Promise, String, TypeError } as unknown as Interfaces;
wrapper.URL.install(scope, ["Window"]);
wrapper.URLSearchParams.install(scope, ["Window"]);

export const { URL, URLSearchParams } = scope;
export type URL = library.URL;
export type URLSearchParams = library.URLSearchParams;
