import { decodeBase64, encodeBase64 } from "./base64.ts";

/**
 * Metadata of a call. Names are case-insensitive. A name that ends in `-bin` has bytes as its values, every other name visible
 * ASCII. Names that gRPC, HTTP or narun use themselves are not metadata.
 */
export class Metadata {
  /** The fields as HTTP carries them. */
  readonly headers: Headers;

  constructor(headers: Headers = new Headers()) {
    this.headers = headers;
  }

  /** The values of a name, joined by `, `. */
  get(name: string): string | undefined {
    return this.headers.get(name) ?? undefined;
  }

  /** The values of a name, one by one. A comma in a value separates, as in HTTP. */
  getAll(name: string): string[] {
    return this.headers.get(name)?.split(/, */) ?? [];
  }

  /** The first value of a name that ends in `-bin`. Undefined also for a value that is no base64. */
  getBytes(name: string): Uint8Array | undefined {
    return this.getAllBytes(name)[0];
  }

  getAllBytes(name: string): Uint8Array[] {
    return this.getAll(binaryName(name)).flatMap((value) => decodeBase64(value) ?? []);
  }

  has(name: string): boolean {
    return this.headers.has(name);
  }

  /** Replaces the values of a name. Bytes need a name that ends in `-bin`. */
  set(name: string, value: string | Uint8Array): void {
    this.headers.set(checkedName(name), fieldValue(name, value));
  }

  append(name: string, value: string | Uint8Array): void {
    this.headers.append(checkedName(name), fieldValue(name, value));
  }

  delete(name: string): void {
    this.headers.delete(name);
  }

  /** Names in lower case with their values. */
  *[Symbol.iterator](): Generator<[name: string, value: string]> {
    for (const [name, value] of this.headers) if (isMetadata(name)) yield [name, value];
  }
}

const RESERVED = new Set([
  ...["te", "host", "user-agent", "connection", "transfer-encoding", "upgrade", "trailer", "expect"],
  ...["content-length", "content-type", "content-encoding", "accept-encoding"],
]);

/** Whether a field is the caller's metadata, and not part of a protocol. */
export function isMetadata(name: string): boolean {
  const lower = name.toLowerCase();
  return !RESERVED.has(lower) && !/^(?:grpc-|connect-|narun-|nats-|x-original-|x-response-|:)/.test(lower);
}

function checkedName(name: string): string {
  if (isMetadata(name)) return name;
  throw new TypeError(`${JSON.stringify(name)} is a field of the protocol and cannot be metadata`);
}

function binaryName(name: string): string {
  if (/-bin$/i.test(name)) return name;
  throw new TypeError(`${JSON.stringify(name)} has text: bytes are the values of names that end in "-bin"`);
}

function fieldValue(name: string, value: string | Uint8Array): string {
  if (typeof value !== "string") return bytesValue(name, value);
  if (/-bin$/i.test(name)) {
    throw new TypeError(`${JSON.stringify(name)} ends in "-bin": its value is a Uint8Array`);
  }
  if (/[^\u0020-\u007e]/.test(value)) {
    throw new TypeError(
      `the value of ${JSON.stringify(name)} is no visible ASCII: take a name that ends in "-bin"`,
    );
  }
  return value;
}

function bytesValue(name: string, value: Uint8Array): string {
  binaryName(name);
  // Senders leave the padding out (the gRPC specification over HTTP/2).
  return encodeBase64(value).replace(/=+$/, "");
}
