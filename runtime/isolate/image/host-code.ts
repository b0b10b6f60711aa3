/**
 * The code that V8 has compiled of the host's program, beside it. A process that takes it compiles nothing at its start, nor the
 * functions that a start calls.
 *
 * I1  A process gives code to others only before it is ready, and so before any function has run in it (host-process.ts). Hosts
 *     cannot write the file: their runner does.
 * I2  Code that is damaged, or of other sources, another V8 or other flags, is not taken, and made again. V8 compares its version,
 *     its flags and the length of the source; the file's name and its digest have the rest.
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { FunctionConfigSchema } from "../../../contracts/index.ts";
import { writeWholeSync } from "../../../machine/index.ts";
import type { TrialOrder } from "../../host.ts";
import { YOUNG_MB } from "../young-mb.ts";
import { touchFile } from "./built-file.ts";

export interface HostCode {
  /** The file, which may be missing. */
  readonly file: string;
  /** Renews its date. */
  touch(): void;
  /** Replaces it. Where it cannot be kept, hosts start without it. */
  keep(code: Uint8Array): void;
}

/** Upper bound of the file, in bytes. The code has 2 MB. */
const MAX_BYTES = 32 * 1024 * 1024;

const FINGERPRINT_LENGTH = 32;

/** `keys`: all that the code depends on. */
export function loadHostCode(folder: string, keys: readonly string[]): HostCode {
  const name = createHash("sha256").update(JSON.stringify(keys)).digest("hex").slice(0, FINGERPRINT_LENGTH);
  const file = join(folder, `${name}.code`);
  return {
    file,
    touch: () => touchFile(file),
    keep(code) {
      if (code.byteLength > MAX_BYTES) return;
      const digest = createHash("sha256").update(code).digest();
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeWholeSync(file, Buffer.concat([digest, code]), 0o600);
      } catch {
        // A full disk, or a folder of another user.
      }
    },
  };
}

/** The form of the program: one function. `compiled` is a global of narun's own (process/compiled-code.ts). */
export const AS_FUNCTION = {
  format: "cjs",
  banner: { js: '(function(require,compiled){"use strict";' },
  footer: { js: "})" },
  // There is no module that it could be relative to.
  supported: { "dynamic-import": false },
} as const;

/**
 * The file that Node runs in a host. The file of the program stands beside it, its first argument is the file of the code. The
 * flag is that of the host's engine: V8 takes no code that was made with other flags.
 */
export const LOADER = `"use strict";
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { setFlagsFromString } = require("node:v8");
const { Script } = require("node:vm");
setFlagsFromString("--max-semi-space-size=${YOUNG_MB}");
const filename = __filename.replace(/cjs$/, "js");
const script = new Script(readFileSync(filename, "latin1"), { filename, cachedData: readCode(process.argv[2]) });
script.runInThisContext()(require, {
  isLacking: script.cachedDataRejected !== false,
  create: () => script.createCachedData(),
});
function readCode(file) {
  try {
    const bytes = readFileSync(file);
    const code = bytes.subarray(32);
    return createHash("sha256").update(code).digest().equals(bytes.subarray(0, 32)) ? code : undefined;
  } catch {
    return undefined;
  }
}
`;

/** A trial of narun's own, so that the code of trials and starts is compiled, too. */
export function warmUpTrial(): TrialOrder {
  return {
    config: FunctionConfigSchema.parse({ name: "warm-up", routes: [] }),
    secrets: {},
    bundle: Buffer.from("export default () => new Response();"),
    sourceMap: new Uint8Array(),
  };
}
