/** Sealed lines of logs on the command line. */
import { type LogLine, placeOfLine, sealedText } from "../contracts/index.ts";
import type { OpenSealed } from "./open-sealed.ts";

/** A line as it is shown. `closed`: its text stays sealed for a label, and the code of the fault where there is a key. */
export interface ShownLine {
  line: LogLine;
  closed?: { sealed: string; closed?: string };
}

/** Opens the text of a line, where it is sealed. */
export async function openLogLine(line: LogLine, open: OpenSealed): Promise<ShownLine> {
  if (line.sealed === undefined) return { line };
  const { data, sealed, closed } = await open(Buffer.from(line.sealed), placeOfLine(line));
  const { sealed: _, ...facts } = line;
  if (sealed === undefined) return { line: { ...facts, message: Buffer.from(data).toString() } };
  const why = { sealed, ...(closed !== undefined && { closed }) };
  return { line: { ...facts, message: sealedText(sealed, closed) }, closed: why };
}
