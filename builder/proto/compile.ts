/** Compiles `.proto` files: reads a file and all that it imports, and links them. No program and no network are needed. */
import { readFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { FileDescriptorProto, FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import { nearest } from "../../contracts/index.ts";
import { GOOGLE_PROTOS } from "./google-protos.ts";
import { linkFiles } from "./link.ts";
import { parseProto } from "./parse-file.ts";
import type { LinkedFile, ParsedFile, WrittenImport } from "./parsed-file.ts";
import { ProtoError, type ProtoSource } from "./proto-error.ts";
import { wellKnownFile, wellKnownNames } from "./well-known.ts";

/** Upper bound of the bytes of a file, and of the number of files that one imports, directly or not. */
const MAX_FILE_BYTES = 4 * 1_024 * 1_024;
const MAX_FILES = 1_000;
/** Folders below the function's own in which imports are looked for, too. */
const IMPORT_FOLDERS = ["", "proto", "protos"];

/** A compiled file with all that it imports. */
export interface CompiledProto {
  /** The file itself. */
  readonly parsed: ParsedFile;
  readonly set: FileDescriptorSet;
  /** The files by name, each behind its imports. */
  readonly files: ReadonlyMap<string, LinkedFile>;
  /** The absolute paths that were read. */
  readonly paths: readonly string[];
}

export interface CompileOptions {
  /** The function's folder. Names of files are relative to it. */
  root: string;
}

/** Error: ProtoError; or that of the file system, for the file itself. */
export async function compileProto(path: string, { root }: CompileOptions): Promise<CompiledProto> {
  const loader = new Loader(root);
  const parsed = await loader.load(path);
  const files = loader.inOrder(parsed);
  const set = linkFiles([...files.values()]);
  return { parsed, set, files, paths: loader.paths };
}

/** Compiles a file that narun has. */
export async function compileEmbedded(name: string): Promise<CompiledProto> {
  const loader = new Loader("/");
  const parsed = await loader.loadEmbedded(name);
  const files = loader.inOrder(parsed);
  return { parsed, set: linkFiles([...files.values()]), files, paths: [] };
}

class Loader {
  readonly paths: string[] = [];
  readonly #root: string;
  readonly #byPath = new Map<string, ParsedFile>();
  readonly #byName = new Map<string, LinkedFile>();

  constructor(root: string) {
    this.#root = root;
  }

  async load(path: string): Promise<ParsedFile> {
    const known = this.#byPath.get(path);
    if (known !== undefined) return known;
    this.paths.push(path);
    const bytes = await readFile(path);
    const name = relative(this.#root, path).split(sep).join("/");
    const source: ProtoSource = { path, name, text: bytes.toString() };
    if (bytes.byteLength > MAX_FILE_BYTES) {
      throw new ProtoError(
        startOf(source),
        `the file has ${bytes.byteLength} bytes`,
        `a file has at most ${MAX_FILE_BYTES}: split it`,
      );
    }
    const parsed = parseProto(source);
    this.#byPath.set(path, parsed);
    await this.#add(parsed);
    return parsed;
  }

  async #add(parsed: ParsedFile): Promise<void> {
    this.#byName.set(parsed.source.name, { parsed });
    if (this.#byName.size > MAX_FILES) {
      throw new ProtoError(
        startOf(parsed.source),
        `more than ${MAX_FILES} files are imported`,
        "import fewer files",
      );
    }
    for (const written of parsed.imports) {
      parsed.descriptor.dependency.push(await this.#loadImport(parsed.source, written));
    }
  }

  /** The name of an imported file: relative to the function's folder, or as it is known to everyone. */
  async #loadImport(from: ProtoSource, { name, place }: WrittenImport): Promise<string> {
    const lookedAt = from.path === undefined ? [] : this.#candidates(from.path, name);
    for (const path of lookedAt) {
      if (this.#byPath.has(path)) return (this.#byPath.get(path) as ParsedFile).source.name;
      try {
        return (await this.load(path)).source.name;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT" || (error as { path?: string }).path !== path)
          throw error;
      }
    }
    if (this.#byName.has(name)) return name;
    const known = wellKnownFile(name);
    if (known !== undefined) {
      this.#addKnown(known);
      return name;
    }
    if (!Object.hasOwn(GOOGLE_PROTOS, name)) throw this.#missing(name, place, lookedAt);
    await this.loadEmbedded(name);
    return name;
  }

  async loadEmbedded(name: string): Promise<ParsedFile> {
    const parsed = parseProto({ path: undefined, name, text: GOOGLE_PROTOS[name] ?? "" });
    await this.#add(parsed);
    return parsed;
  }

  #addKnown(file: FileDescriptorProto): void {
    this.#byName.set(file.name, { known: file });
    for (const name of file.dependency) {
      const known = this.#byName.has(name) ? undefined : wellKnownFile(name);
      if (known !== undefined) this.#addKnown(known);
    }
  }

  /** The importing file's folder and those above it, as far as the function's folder; then its folders for imports. */
  #candidates(from: string, name: string): string[] {
    const folders: string[] = [];
    for (let folder = dirname(from); ; folder = dirname(folder)) {
      folders.push(folder);
      if (folder === this.#root || folder === dirname(folder) || !folder.startsWith(this.#root)) break;
    }
    folders.push(...IMPORT_FOLDERS.map((folder) => join(this.#root, folder)));
    return [...new Set(folders.map((folder) => resolve(folder, name)))];
  }

  #missing(name: string, place: WrittenImport["place"], lookedAt: readonly string[]): ProtoError {
    const near = nearest(name, [...wellKnownNames, ...Object.keys(GOOGLE_PROTOS), ...this.#byName.keys()]);
    const looked = lookedAt.map((path) => relative(this.#root, path) || path).join(", ");
    const hint =
      near === undefined
        ? `looked for ${looked}`
        : `did you mean ${JSON.stringify(near)}? Looked for ${looked}`;
    return new ProtoError(place, `the imported file ${JSON.stringify(name)} is not there`, hint);
  }

  /** Files behind their imports. Error: ProtoError, for files that import each other. */
  inOrder(parsed: ParsedFile): Map<string, LinkedFile> {
    const done = new Map<string, LinkedFile>();
    const chain: string[] = [];
    const visit = (name: string) => {
      const file = this.#byName.get(name);
      if (file === undefined || done.has(name)) return;
      chain.push(name);
      const descriptor = "known" in file ? file.known : file.parsed.descriptor;
      for (const [index, imported] of descriptor.dependency.entries()) {
        if (chain.includes(imported) && "parsed" in file) {
          const place = file.parsed.imports[index]?.place ?? startOf(file.parsed.source);
          const circle = [...chain.slice(chain.indexOf(imported)), imported].join(" → ");
          throw new ProtoError(
            place,
            `the files import each other: ${circle}`,
            "move what they share into a third file",
          );
        }
        visit(imported);
      }
      chain.pop();
      done.set(name, file);
    };
    visit(parsed.source.name);
    return done;
  }
}

function startOf(source: ProtoSource) {
  return { source, line: 1, column: 0, length: 1 };
}
