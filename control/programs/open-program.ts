import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import {
  EXECUTABLE_HEAD_BYTES,
  type Executable,
  messageOf,
  NarunError,
  readExecutable,
} from "../../contracts/index.ts";

/** A program's file on this machine. */
export interface Program {
  /** Its base name. */
  file: string;
  form: Executable;
  size: number;
  /** Hex. */
  sha256: string;
  /** The bytes once more, from the beginning. */
  read(): AsyncIterable<Uint8Array>;
}

/** Looks at a file: its form, size and digest. Error: PROGRAM_UNFIT, where no runner could start it. */
export async function openProgram(path: string): Promise<Program> {
  const handle = await open(path).catch((error: unknown) => {
    throw invalid(path, messageOf(error), error);
  });
  try {
    if (!(await handle.stat()).isFile()) throw invalid(path, "it is no file");
    const hash = createHash("sha256");
    const head: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of handle.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
      if (size < EXECUTABLE_HEAD_BYTES) head.push(chunk);
      hash.update(chunk);
      size += chunk.byteLength;
    }
    const reading = readExecutable(Buffer.concat(head).subarray(0, EXECUTABLE_HEAD_BYTES), size);
    if (!reading.ok) throw invalid(path, reading.reason);
    return {
      file: basename(path),
      form: reading.file,
      size,
      sha256: hash.digest("hex"),
      read: () => bytesOf(path),
    };
  } finally {
    await handle.close();
  }
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array, void> {
  const handle = await open(path);
  // The stream closes the handle, also where its reader leaves.
  yield* handle.createReadStream() as AsyncIterable<Buffer>;
}

/** PROGRAM_UNFIT, with the file's path. */
export function invalid(path: string, reason: string, cause?: unknown): NarunError {
  return new NarunError("PROGRAM_UNFIT", { detail: `${path}: ${reason}` }, { cause });
}
