/** The headers of Mach-O files and of universal binaries, which have one Mach-O file for each processor. */
import { ByteView } from "./byte-view.ts";
import { FormatFault } from "./format-fault.ts";
import type { Platform } from "./platform.ts";

const PROCESSORS: Record<number, string> = {
  7: "386",
  12: "arm",
  16777223: "amd64",
  16777228: "arm64",
};
const EXECUTE = 2;
const TYPES: Record<number, string> = { 1: "an object file", 6: "a shared library", 8: "a bundle of code" };

/** The first four bytes, read as a big-endian number. */
const THIN = new Map([
  [0xfeed_face, false],
  [0xfeed_facf, false],
  [0xcefa_edfe, true],
  [0xcffa_edfe, true],
]);
const UNIVERSAL = new Map([
  [0xcafe_babe, false],
  [0xcafe_babf, true],
]);
/** Java's class files begin with the same bytes as universal binaries; their version follows, 45 or more. */
const MAX_PROCESSORS = 32;

/** The platforms of a Mach-O program. Undefined for another format. Error: FormatFault. */
export function readMachO(
  head: Uint8Array,
  size: number,
): { format: "Mach-O"; platforms: Platform[] } | undefined {
  if (head.byteLength < 4) return undefined;
  const magic = new ByteView(head, { format: "Mach-O", isLittle: false }).u32(0);
  const isLittle = THIN.get(magic);
  if (isLittle !== undefined) {
    return { format: "Mach-O", platforms: [readThin(new ByteView(head, { format: "Mach-O", isLittle }))] };
  }
  const is64 = UNIVERSAL.get(magic);
  return is64 === undefined ? undefined : { format: "Mach-O", platforms: readUniversal(head, size, is64) };
}

function readThin(view: ByteView): Platform {
  const type = view.u32(12);
  if (type !== EXECUTE)
    throw new FormatFault(`it is ${TYPES[type] ?? `Mach-O of the unknown type ${type}`}, and no program`);
  return platformOf(view.u32(4));
}

function readUniversal(head: Uint8Array, size: number, is64: boolean): Platform[] {
  const view = new ByteView(head, { format: "a universal binary", isLittle: false });
  const count = view.u32(4);
  if (count > MAX_PROCESSORS) throw new FormatFault("it is a class of Java, and no program");
  if (count === 0) throw new FormatFault("it is a universal binary for no processor");
  const entryBytes = is64 ? 32 : 20;
  const platforms = Array.from({ length: count }, (_, index) => {
    const at = 8 + index * entryBytes;
    const [offset, length] = is64
      ? [view.u64(at + 8), view.u64(at + 16)]
      : [view.u32(at + 8), view.u32(at + 12)];
    const platform = platformOf(view.u32(at));
    if (length === 0 || offset + length > size)
      throw new FormatFault(`the file is cut off: its part for ${platform.arch} is not there`);
    return platform;
  });
  // A file may have several variants of one processor.
  return [...new Map(platforms.map((platform) => [platform.arch, platform])).values()];
}

function platformOf(processor: number): Platform {
  const arch = PROCESSORS[processor];
  if (arch === undefined)
    throw new FormatFault(`Mach-O for the unknown processor 0x${processor.toString(16)}`);
  return { os: "darwin", arch };
}
