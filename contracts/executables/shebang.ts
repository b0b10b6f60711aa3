/** The first line of scripts. */
import { FormatFault } from "./format-fault.ts";

/** Upper bound of the first line: Linux reads no more. */
const MAX_LINE_BYTES = 256;
const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** The interpreter of a script, and the argument that its first line gives. Undefined without `#!`. Error: FormatFault. */
export function readShebang(head: Uint8Array): { interpreter: string; argument?: string } | undefined {
  if (BYTE_ORDER_MARK.every((byte, index) => head[index] === byte) && isShebang(head, 3))
    throw new FormatFault("a byte order mark stands before #!: the system does not take it for a script");
  if (!isShebang(head, 0)) return undefined;
  const end = head.indexOf(LINE_FEED);
  const bytes = head.subarray(2, end === -1 ? undefined : end);
  if (bytes.byteLength > MAX_LINE_BYTES - 2)
    throw new FormatFault(`the first line is over ${MAX_LINE_BYTES} bytes`);
  if (bytes.includes(0)) throw new FormatFault("the first line has a zero byte");
  const line = new TextDecoder().decode(bytes);
  if (line.endsWith("\r"))
    throw new FormatFault(
      "the first line ends in CR LF: the system would look for an interpreter whose name ends in CR",
    );
  const match = /^[ \t]*(\S+)(?:[ \t]+(.*?))?[ \t]*$/.exec(line);
  const interpreter = match?.[1];
  if (interpreter === undefined) throw new FormatFault("#! names no interpreter");
  if (!interpreter.startsWith("/"))
    throw new FormatFault(`the interpreter ${JSON.stringify(interpreter)} is no absolute path`);
  const argument = match?.[2];
  return argument === undefined || argument === "" ? { interpreter } : { interpreter, argument };
}

function isShebang(head: Uint8Array, at: number): boolean {
  return head[at] === 0x23 && head[at + 1] === 0x21;
}
