/**
 * `URL` and `URLSearchParams` by whatwg-url, the standard's reference implementation. Its IDNA tables are left out of
 * the snapshot (they are larger than everything else in it together): `idna.ts` stands in for its `tr46` and asks the host.
 */
export {
  basicURLParse,
  serializeHost,
  serializePath,
  serializeURL,
  setThePassword,
  setTheUsername,
  URL,
  type URLRecord,
  URLSearchParams,
} from "whatwg-url";
