import { AskFor } from "../host/boundary.ts";
import { askHost } from "../host/host-link.ts";

const { parse } = JSON;

/**
 * Stands in for the tables of the multi-byte encodings that `@exodus/bytes` has in a file of its own: they are larger
 * than the rest of the snapshot's encodings together, and few functions need them. The host has them; the decoders ask
 * once.
 */
export default function loadEncodings(): unknown {
  return parse(askHost(AskFor.encodingTables, undefined) as string);
}
