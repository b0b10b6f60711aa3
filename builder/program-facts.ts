/** The platform of a program's file, by Go's names; a text tells why no node can start it. */
export function readProgramFacts(bytes: Uint8Array): { os: string; arch: string } | string {
  if (bytes.byteLength === 0) return "it is empty";
  if (bytes[0] === 0x23 && bytes[1] === 0x21) return { os: "any", arch: "any" };
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(64, bytes.byteLength));
  if (head.readUInt32BE(0) === 0x7f454c46) {
    const arch = { 62: "amd64", 183: "arm64", 40: "arm", 3: "386" }[head.readUInt16LE(18)];
    return arch === undefined ? "it is for an unknown processor" : { os: "linux", arch };
  }
  return "it is neither a program (ELF) nor a script whose first line begins with #!";
}
