import { EXECUTABLE_HEAD_BYTES, readExecutable } from "../contracts/index.ts";

/**
 * The platform of a program's file, by Go's names: `any` for a script, the first one for a universal binary. A text tells why
 * no node can start the file.
 */
export function readProgramFacts(bytes: Uint8Array): { os: string; arch: string } | string {
  const reading = readExecutable(bytes.subarray(0, EXECUTABLE_HEAD_BYTES), bytes.byteLength);
  if (!reading.ok) return reading.reason;
  if (reading.file.kind === "script") return { os: "any", arch: "any" };
  const [first] = reading.file.platforms;
  return first ?? "it is for no platform";
}
