/**
 * `URL` and `URLSearchParams` by whatwg-url, the standard's reference implementation. Its IDNA tables are left out of the
 * snapshot (they are larger than all the rest of it): `idna.ts` replaces its `tr46` and asks the host.
 */
import type * as library from "whatwg-url";
import wrapper from "whatwg-url/webidl2js-wrapper.js";
import { showAs, showFields } from "../console/inspection.ts";

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

/** The object from which the interfaces take their globals, and on which they are installed. */
const scope = { Array, Object, Promise, String, TypeError } as unknown as Interfaces;
wrapper.URL.install(scope, ["Window"]);
wrapper.URLSearchParams.install(scope, ["Window"]);

export const { URL, URLSearchParams } = scope;
export type URL = library.URL;
export type URLSearchParams = library.URLSearchParams;

const byClass = { isNamedByClass: true };
showFields(
  URL,
  "URL",
  (url) => ({
    href: url.href,
    origin: url.origin,
    protocol: url.protocol,
    username: url.username,
    password: url.password,
    host: url.host,
    hostname: url.hostname,
    port: url.port,
    pathname: url.pathname,
    search: url.search,
    searchParams: url.searchParams,
    hash: url.hash,
  }),
  byClass,
);
showAs(
  URLSearchParams,
  "URLSearchParams",
  (params, options, inspect) => {
    const pairs = [...params].map(
      ([name, value]) => `${inspect(name, options)} => ${inspect(value, options)}`,
    );
    const line = pairs.join(", ");
    if (line === "") return "{}";
    return line.length > options.breakLength ? `{\n  ${pairs.join(",\n  ")} }` : `{ ${line} }`;
  },
  byClass,
);
