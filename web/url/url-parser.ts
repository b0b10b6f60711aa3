/**
 * The URL parser of whatwg-url, created for an isolate's first URL (lazy-modules.ts). In the snapshot, whatwg-url's own
 * interfaces use it as well.
 */
import machine from "whatwg-url/lib/url-state-machine.js";
import urlencoded from "whatwg-url/lib/urlencoded.js";
import { parsePlainUrl } from "./plain-url.ts";

/** With the options `url` or `stateOverride` it changes the given record. */
export const basicURLParse: typeof machine.basicURLParse = (input, options) => {
  const isWhole = options === undefined || (options.url === undefined && options.stateOverride === undefined);
  return (isWhole ? parsePlainUrl(input) : undefined) ?? machine.basicURLParse(input, options);
};

/** @public Some of them only for whatwg-url. */
export const {
  cannotHaveAUsernamePasswordPort,
  hasAnOpaquePath,
  serializeHost,
  serializeInteger,
  serializePath,
  serializeURL,
  serializeURLOrigin,
  setThePassword,
  setTheUsername,
} = machine;

/** @public For whatwg-url. */
export const { parseUrlencodedString, serializeUrlencoded } = urlencoded;
