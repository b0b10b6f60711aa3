/** The headers of PE files: programs for Windows. */
import { ByteView } from "./byte-view.ts";
import { FormatFault } from "./format-fault.ts";
import type { Platform } from "./platform.ts";

const HEADER_OFFSET_AT = 0x3c;
/** "PE\0\0", little-endian. */
const SIGNATURE = 0x0000_4550;
const EXECUTABLE = 0x0002;
const LIBRARY = 0x2000;
const MACHINES: Record<number, string> = { 332: "386", 452: "arm", 34404: "amd64", 43620: "arm64" };

/** The platform of a PE program. Undefined for another format. Error: FormatFault. */
export function readPe(head: Uint8Array): { format: "PE"; platforms: Platform[] } | undefined {
  if (head[0] !== 0x4d || head[1] !== 0x5a) return undefined;
  const view = new ByteView(head, { format: "PE", isLittle: true });
  const at = view.u32(HEADER_OFFSET_AT);
  if (view.u32(at) !== SIGNATURE) throw new FormatFault("it is a program for DOS");
  const [machine, flags] = [view.u16(at + 4), view.u16(at + 22)];
  if ((flags & LIBRARY) !== 0) throw new FormatFault("it is a shared library, and no program");
  if ((flags & EXECUTABLE) === 0) throw new FormatFault("it is an object file, and no program");
  const arch = MACHINES[machine];
  if (arch === undefined) throw new FormatFault(`PE for the unknown processor 0x${machine.toString(16)}`);
  return { format: "PE", platforms: [{ os: "windows", arch }] };
}
