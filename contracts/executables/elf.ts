/** The header of ELF files (System V ABI, "Object Files"). */
import { ByteView } from "./byte-view.ts";
import { FormatFault } from "./format-fault.ts";
import type { Platform } from "./platform.ts";

const MAGIC = [0x7f, 0x45, 0x4c, 0x46];
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const TYPES: Record<number, string> = { 1: "an object file", 4: "a memory dump" };
const EXECUTABLE_TYPES = new Set([2, 3]);
/** Programs for Linux have System V's number or their own. */
const SYSTEMS: Record<number, string> = {
  0: "linux",
  2: "netbsd",
  3: "linux",
  6: "solaris",
  9: "freebsd",
  12: "openbsd",
};

interface Bits {
  is64: boolean;
  isLittle: boolean;
}

const MACHINES: Record<number, (bits: Bits) => string> = {
  3: () => "386",
  8: ({ is64, isLittle }) => `mips${is64 ? "64" : ""}${isLittle ? "le" : ""}`,
  21: ({ isLittle }) => (isLittle ? "ppc64le" : "ppc64"),
  22: () => "s390x",
  40: () => "arm",
  62: () => "amd64",
  183: () => "arm64",
  243: ({ is64 }) => (is64 ? "riscv64" : "riscv"),
  258: () => "loong64",
};

/** The platform of an ELF program. Undefined for another format. Error: FormatFault. */
export function readElf(
  head: Uint8Array,
  size: number,
): { format: "ELF"; platforms: Platform[] } | undefined {
  if (!MAGIC.every((byte, index) => head[index] === byte)) return undefined;
  const isLittle = head[5] === LITTLE_ENDIAN;
  const view = new ByteView(head, { format: "ELF", isLittle });
  const [fileClass, order, system, type, machine] = [
    view.byte(4),
    view.byte(5),
    view.byte(7),
    view.u16(16),
    view.u16(18),
  ];
  if (fileClass !== 1 && fileClass !== CLASS_64)
    throw new FormatFault(`ELF of the unknown class ${fileClass}`);
  if (order !== 1 && order !== 2) throw new FormatFault(`ELF of the unknown byte order ${order}`);
  const is64 = fileClass === CLASS_64;
  if (!EXECUTABLE_TYPES.has(type))
    throw new FormatFault(`it is ${TYPES[type] ?? `ELF of the unknown type ${type}`}, and no program`);
  const [entry, programHeaders] = is64 ? [view.u64(24), view.u64(32)] : [view.u32(24), view.u32(28)];
  if (entry === 0) throw new FormatFault("it is a shared library, and no program: it has no entry point");
  const headers = view.u16(is64 ? 56 : 44) * view.u16(is64 ? 54 : 42);
  if (headers === 0) throw new FormatFault("it is ELF without a segment that could be loaded");
  if (programHeaders + headers > size)
    throw new FormatFault("the file is cut off: its ELF segments are not there");
  const os = SYSTEMS[system];
  if (os === undefined) throw new FormatFault(`ELF for the unknown system ${system}`);
  const arch = MACHINES[machine]?.({ is64, isLittle });
  if (arch === undefined) throw new FormatFault(`ELF for the unknown processor ${machine}`);
  return { format: "ELF", platforms: [{ os, arch }] };
}
