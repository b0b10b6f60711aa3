/** The form of a program's file: a native binary with its platforms, or a script. Pure: it reads the first bytes. */
import { readElf } from "./elf.ts";
import { FormatFault } from "./format-fault.ts";
import { readMachO } from "./mach-o.ts";
import { readPe } from "./pe.ts";
import type { Platform } from "./platform.ts";
import { readShebang } from "./shebang.ts";

/** The form of a program's file. */
export type Executable =
  | { kind: "native"; format: "ELF" | "Mach-O" | "PE"; platforms: Platform[] }
  /** `argument`: all that follows the interpreter on the first line. */
  | { kind: "script"; interpreter: string; argument?: string };

/** The result of a look at a file: its form, or the reason why no runner can start it. */
type ExecutableReading = { ok: true; file: Executable } | { ok: false; reason: string };

/** How many first bytes of a file are enough to know its form. */
export const EXECUTABLE_HEAD_BYTES = 64 * 1024;

/**
 * Reads the form of a file from its first bytes (`EXECUTABLE_HEAD_BYTES`, or all where it is shorter). `size` is the size of
 * the whole file. Formats: ELF, Mach-O with universal binaries, PE, and scripts that begin with `#!`.
 */
export function readExecutable(head: Uint8Array, size: number): ExecutableReading {
  try {
    return { ok: true, file: readForm(head, size) };
  } catch (error) {
    if (error instanceof FormatFault) return { ok: false, reason: error.message };
    throw error;
  }
}

function readForm(head: Uint8Array, size: number): Executable {
  if (size === 0) throw new FormatFault("the file is empty");
  const native = readElf(head, size) ?? readMachO(head, size) ?? readPe(head);
  if (native !== undefined) return { kind: "native", ...native };
  const script = readShebang(head);
  if (script !== undefined) return { kind: "script", ...script };
  throw new FormatFault(
    "it is neither a program (ELF, Mach-O, PE) nor a script whose first line begins with #!",
  );
}
