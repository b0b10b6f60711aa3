import { AskFor } from "../host/boundary.ts";
import { askHost } from "../host/host-link.ts";

const { parse } = JSON;

/**
 * Replaces the tables of the multi-byte encodings, which `@exodus/bytes` has in a file of its own. They are larger than all
 * other encodings of the snapshot together, and few functions need them. The host has them. The decoders ask once.
 */
export default function loadEncodings(): unknown {
  return parse(askHost(AskFor.encodingTables, undefined) as string);
}
