import { randomBytes } from "node:crypto";
import { domainToASCII } from "node:url";
import { AskFor } from "../../web/index.ts";
import { readEncodingTables } from "./image/encoding-tables.ts";
import { readInspectLibrary } from "./image/inspect-library.ts";
import { answerCryptoSupport } from "./operations/crypto/supports.ts";

/** Upper bound of the entropy for one question: that of one call of `getRandomValues`. */
const MAX_ENTROPY_BYTES = 65_536;

/** Answers a question of an isolate, which waits for it. Both values are user input. */
export function answerQuestion(what: unknown, argument: unknown): string | ArrayBuffer {
  if (what === AskFor.entropy && typeof argument === "number") {
    const bytes = randomBytes(Math.min(MAX_ENTROPY_BYTES, Math.max(0, Math.trunc(argument))));
    return new Uint8Array(bytes).buffer;
  }
  if (what === AskFor.asciiDomain && typeof argument === "string") return domainToASCII(argument);
  if (what === AskFor.encodingTables) return readEncodingTables();
  if (what === AskFor.inspectLibrary) return readInspectLibrary();
  if (what === AskFor.cryptoSupport) return answerCryptoSupport(argument);
  return "";
}
