/** Headers of programs, written by the formats' own tables. No file of a compiler is needed. */

export interface ElfFacts {
  machine: number;
  system?: number;
  type?: number;
  is64?: boolean;
  isLittle?: boolean;
  entry?: number;
}

/** An ELF header and one segment of zeros behind it. */
export function elf({
  machine,
  system = 0,
  type = 2,
  is64 = true,
  isLittle = true,
  entry = 1,
}: ElfFacts): Buffer {
  const bytes = Buffer.alloc(256);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, isLittle ? 1 : 2, 1, system]);
  view.setUint16(16, type, isLittle);
  view.setUint16(18, machine, isLittle);
  if (is64) {
    view.setBigUint64(24, BigInt(entry), isLittle);
    view.setBigUint64(32, 64n, isLittle);
  } else {
    view.setUint32(24, entry, isLittle);
    view.setUint32(28, 52, isLittle);
  }
  view.setUint16(is64 ? 54 : 42, is64 ? 56 : 32, isLittle);
  view.setUint16(is64 ? 56 : 44, 1, isLittle);
  return bytes;
}

/** A Mach-O header. */
export function machO(processor: number, { type = 2, is64 = true, isLittle = true } = {}): Buffer {
  const bytes = Buffer.alloc(32);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(0, is64 ? 0xfeedfacf : 0xfeedface, isLittle);
  view.setUint32(4, processor, isLittle);
  view.setUint32(12, type, isLittle);
  return bytes;
}

/** A universal binary: its header, and a Mach-O header for each processor. */
export function universal(processors: readonly number[], { is64 = false } = {}): Buffer {
  const entry = is64 ? 32 : 20;
  const head = Buffer.alloc(8 + processors.length * entry);
  head.writeUInt32BE(is64 ? 0xcafebabf : 0xcafebabe, 0);
  head.writeUInt32BE(processors.length, 4);
  const parts = processors.map((processor) => machO(processor));
  for (const [index, processor] of processors.entries()) {
    const at = 8 + index * entry;
    const offset = head.byteLength + index * 32;
    head.writeUInt32BE(processor, at);
    if (is64) {
      head.writeBigUInt64BE(BigInt(offset), at + 8);
      head.writeBigUInt64BE(32n, at + 16);
    } else {
      head.writeUInt32BE(offset, at + 8);
      head.writeUInt32BE(32, at + 12);
    }
  }
  return Buffer.concat([head, ...parts]);
}

/** A PE header behind the stub for DOS. */
export function pe(machine: number, { flags = 0x0002, at = 0x80 } = {}): Buffer {
  const bytes = Buffer.alloc(at + 64);
  bytes.write("MZ");
  bytes.writeUInt32LE(at, 0x3c);
  bytes.write("PE\0\0", at, "latin1");
  bytes.writeUInt16LE(machine, at + 4);
  bytes.writeUInt16LE(flags, at + 22);
  return bytes;
}
