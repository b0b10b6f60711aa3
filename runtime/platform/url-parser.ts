/**
 * The URL parser of whatwg-url: made for an isolate's first URL (lazy-modules.ts). In the snapshot whatwg-url's own
 * interfaces come here for it, too.
 */
import machine from "whatwg-url/lib/url-state-machine.js";
import urlencoded from "whatwg-url/lib/urlencoded.js";

/** @public Some of them only for whatwg-url. */
export const {
  basicURLParse,
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
