// biome-ignore-all lint/complexity/noArguments: a rest parameter would change the constructor's length
import { showFields } from "../console/inspection.ts";
import { asInterface, conversions, requireArguments, toDictionary, toUSVString } from "../webidl/webidl.ts";
import { Blob, type BlobPart, blobPieces, fillBlob, type Piece } from "./blob.ts";

interface FilePropertyBag {
  endings?: "transparent" | "native";
  type?: string;
  lastModified?: number;
}

// The platform's own access to a file.

export let isFile: (value: unknown) => value is File;
/** A file of pieces that no other code writes to. */
export let createFile: (pieces: readonly Piece[], name: string, type: string, lastModified: number) => File;

/** `File` of the File API. */
export class File extends Blob {
  #name: string;
  #lastModified: number;

  constructor(fileBits: Iterable<BlobPart>, fileName: string, options: FilePropertyBag = {}) {
    requireArguments(arguments.length, 2, "File constructor");
    if (fileBits === undefined) throw new TypeError("File: the bits are not iterable.");
    super(fileBits, options);
    this.#name = toUSVString(fileName, "File: the name");
    const { lastModified } = toDictionary(options, "File: the options");
    this.#lastModified = lastModified === undefined ? Date.now() : conversions["long long"](lastModified);
  }

  get name(): string {
    return this.#name;
  }

  get lastModified(): number {
    return this.#lastModified;
  }

  static {
    isFile = (value): value is File => typeof value === "object" && value !== null && #name in value;
    createFile = (pieces, name, type, lastModified) => {
      const file = new File([], name, { lastModified });
      fillBlob(file, pieces, type);
      return file;
    };
  }
}

asInterface("File", File);
showFields(File, "File", ({ size, type, name, lastModified }) => ({ size, type, name, lastModified }));

/** The same bytes with another name. */
export function renameBlob(blob: Blob, name: string): File {
  return createFile(blobPieces(blob), name, blob.type, isFile(blob) ? blob.lastModified : Date.now());
}
