import { concat } from "./base64.ts";
import { COMPRESSED, type Frame, tooLarge } from "./frames.ts";
import { GrpcError } from "./grpc-error.ts";

/** Messages shorter than this are not worth compressing. */
export const WORTH_BYTES = 1_024;

/** How the messages of one direction may be compressed. */
export type Encoding = "identity" | "gzip";

/** The encoding that a header names. Error: UNIMPLEMENTED for another encoding than gzip, with the known encodings. */
export function encodingOf(name: string | null): Encoding {
  if (name === null || name === "" || name === "identity") return "identity";
  if (name === "gzip") return "gzip";
  throw new GrpcError(
    "UNIMPLEMENTED",
    `the encoding ${JSON.stringify(name)} is not known: send gzip or identity`,
    {
      metadata: { "grpc-accept-encoding": "gzip,identity" },
    },
  );
}

/** Whether a header that lists encodings has gzip. */
export function acceptsGzip(list: string | null): boolean {
  return list?.split(",").some((name) => name.trim().split(";", 1)[0] === "gzip") ?? false;
}

export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  return through(new CompressionStream("gzip"), bytes, Number.POSITIVE_INFINITY);
}

/** Errors: INVALID_ARGUMENT for bytes that are no gzip, RESOURCE_EXHAUSTED for more than `maxBytes` of content. */
export async function gunzip(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  try {
    return await through(new DecompressionStream("gzip"), bytes, maxBytes);
  } catch (error) {
    if (error instanceof GrpcError) throw error;
    throw new GrpcError("INVALID_ARGUMENT", "the compressed message is no gzip");
  }
}

async function through(
  coder: { readable: ReadableStream; writable: WritableStream },
  bytes: Uint8Array,
  maxBytes: number,
): Promise<Uint8Array> {
  const writer = coder.writable.getWriter();
  const writing = writer.write(bytes).then(() => writer.close());
  // The reader gets the same error.
  writing.catch(() => undefined);
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const part of coder.readable as AsyncIterable<Uint8Array>) {
    total += part.byteLength;
    if (total > maxBytes) throw tooLarge(total, maxBytes);
    parts.push(part);
  }
  await writing;
  return concat(parts);
}

/** The message in a frame. Error: as `gunzip`, and INTERNAL for a compressed message without an encoding. */
export function messageIn(
  { flags, bytes }: Frame,
  encoding: Encoding,
  maxBytes: number,
): Uint8Array | Promise<Uint8Array> {
  if ((flags & COMPRESSED) === 0) return bytes;
  if (encoding === "gzip") return gunzip(bytes, maxBytes);
  throw new GrpcError("INTERNAL", "a message is marked as compressed, and no header names its encoding");
}
