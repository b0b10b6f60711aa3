/** The command line that starts a program: launchers of the system before it, as far as they are there. */
import { accessSync, constants } from "node:fs";
import { arch as machineArch } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { goArch, goOs, readExecutable } from "../../../contracts/index.ts";

/** The path of a program by its name; undefined where it is not there. */
export function findProgram(name: string, searchPath: string): string | undefined {
  const candidates = isAbsolute(name)
    ? [name]
    : searchPath.split(delimiter).map((folder) => join(folder, name));
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why this machine cannot start a file of `size` bytes that begins with `head`; undefined where it can. */
export function unfitFor(head: Uint8Array, size: number, node: string): string | undefined {
  const reading = readExecutable(head, size);
  if (!reading.ok) return reading.reason;
  if (reading.file.kind === "script") return undefined;
  const own = { os: goOs(process.platform), arch: goArch(machineArch()) };
  const { platforms } = reading.file;
  if (platforms.some(({ os, arch }) => os === own.os && arch === own.arch)) return undefined;
  const names = platforms.map(({ os, arch }) => `${os}/${arch}`).join(", ");
  return `it is for ${names}, and node ${node} is ${own.os}/${own.arch}`;
}

/** The interpreter that a script needs and that is not here; undefined where nothing is missing. */
export function missingInterpreter(bytes: Uint8Array, searchPath: string): string | undefined {
  const line = firstLine(bytes);
  if (line === undefined) return undefined;
  const [interpreter = "", ...words] = line.split(/\s+/);
  if (findProgram(interpreter, searchPath) === undefined) return interpreter;
  if (!interpreter.endsWith("/env")) return undefined;
  const name = words.find((word) => !word.startsWith("-") && !word.includes("="));
  return name === undefined || findProgram(name, searchPath) !== undefined ? undefined : name;
}

function firstLine(bytes: Uint8Array): string | undefined {
  if (bytes[0] !== 0x23 || bytes[1] !== 0x21) return undefined;
  return Buffer.from(bytes.subarray(2, 256)).toString().split("\n", 1)[0]?.trim();
}
