/**
 * A file that is still being fetched, beside its place, and how far it has come.
 *
 * I1  One process writes it: its name has the process. The part of a process that is dead is taken over by a rename.
 * I2  The note tells a place that the file has reached at least. Bytes behind it are cut off before the file goes on.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { MIB, parseJson } from "../../contracts/index.ts";
import { identifyProcess, isRunning } from "../../machine/index.ts";
import type { Chunk, ChunkPosition } from "../../nats/index.ts";

const NoteSchema = z.object({
  version: z.string(),
  bytes: z.int().min(0),
  position: z.object({ chunks: z.int().min(0), sequence: z.int().min(0) }),
});
type Note = z.infer<typeof NoteSchema>;

/** How many bytes come between two notes: a process that is killed loses as many. */
const NOTE_BYTES = 4 * MIB;

export class PartialFile {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #hash: Hash;
  readonly #note: Note;
  #noted: number;

  private constructor(path: string, file: FileHandle, hash: Hash, note: Note) {
    this.path = path;
    this.#file = file;
    this.#hash = hash;
    this.#note = note;
    this.#noted = note.bytes;
  }

  /** The part of a file that is there, of the same version in the store, or an empty one. */
  static async open(folder: string, sha256: string, version: string): Promise<PartialFile> {
    const { pid, startTime } = identifyProcess(process.pid);
    const path = join(folder, `${sha256}.${pid}-${startTime ?? ""}.part`);
    await takeOver(folder, sha256, path);
    const text = await readFile(noteOf(path), "utf8").catch(() => "");
    const found = parseJson(text, NoteSchema);
    const note = found?.version === version ? found : emptyNote(version);
    const file = await open(path, note.bytes === 0 ? "w" : "r+", 0o600);
    try {
      await file.truncate(note.bytes);
      const hash = createHash("sha256");
      for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
      return new PartialFile(path, file, hash, note);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Where the rest begins. */
  get position(): ChunkPosition {
    return this.#note.position;
  }

  async write({ data, position }: Chunk): Promise<void> {
    // A disk that is nearly full takes a part of a write, and fails the next one.
    for (let at = 0; at < data.byteLength; ) {
      const { bytesWritten } = await this.#file.write(data, at, data.byteLength - at, this.#note.bytes + at);
      at += bytesWritten;
    }
    this.#hash.update(data);
    this.#note.bytes += data.byteLength;
    this.#note.position = position;
    if (this.#note.bytes - this.#noted >= NOTE_BYTES) await this.#keepNote();
  }

  /** Leaves the part for a later fetch. */
  async leave(): Promise<void> {
    await this.#keepNote().catch(() => undefined);
    await this.#file.close();
  }

  /** Removes the part. */
  async drop(): Promise<void> {
    await this.#file.close();
    await Promise.all([this.path, noteOf(this.path)].map((path) => rm(path, { force: true })));
  }

  /** The SHA-256 of all its bytes, and its size. The part is not written any more. */
  async finish(): Promise<{ sha256: string; size: number }> {
    await this.#file.close();
    await rm(noteOf(this.path), { force: true });
    return { sha256: this.#hash.digest("hex"), size: this.#note.bytes };
  }

  async #keepNote(): Promise<void> {
    this.#noted = this.#note.bytes;
    await writeFile(noteOf(this.path), JSON.stringify(this.#note), { mode: 0o600 });
  }
}

const noteOf = (path: string) => `${path}.json`;
const emptyNote = (version: string): Note => ({ version, bytes: 0, position: { chunks: 0, sequence: 0 } });

/** Takes over the part that a dead process has left. */
async function takeOver(folder: string, sha256: string, own: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, of, pid, startTime = ""] = /^([0-9a-f]{64})\.(\d+)-(\d*)\.part$/.exec(name) ?? [];
    if (of !== sha256 || isRunning({ pid: Number(pid), startTime: startTime || null })) continue;
    try {
      await rename(join(folder, name), own);
      await rename(join(folder, `${name}.json`), noteOf(own));
      return;
    } catch {
      // Another process was faster, or there is no note: the file begins anew.
    }
  }
}
