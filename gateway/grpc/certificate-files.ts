/**
 * Follows a certificate and its key in files.
 *
 * I1  Files are read again when they have changed. A change may come at any time, and the files one after the other: a pair
 *     that does not belong together leaves the former one in force.
 * I2  Names are looked up each time, as certificates are often replaced by another target of a symbolic link.
 */
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { messageOf } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";

/** PEM. */
export interface CertificatePair {
  cert: string | Buffer;
  key: string | Buffer;
}

export interface CertificateFiles {
  cert: string;
  key: string;
}

export interface FollowOptions {
  files: CertificateFiles;
  /** The pair in force. */
  pair: CertificatePair;
  /** A pair that is whole. */
  onChange(pair: CertificatePair): void;
  /** Default: 5 s. */
  everyMs?: number | undefined;
  log: Log;
}

const EVERY_MS = 5_000;

/** Returns the function that ends it. */
export function followCertificate({
  files,
  pair,
  onChange,
  everyMs = EVERY_MS,
  log,
}: FollowOptions): () => void {
  let last = textOf(pair);
  let told = "";
  const look = async () => {
    try {
      const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)]);
      const text = textOf({ cert, key });
      if (text === last) return;
      createSecureContext({ cert, key });
      last = text;
      told = "";
      onChange({ cert, key });
      log.info({ file: files.cert }, "the certificate of gRPC has changed, and is in force");
    } catch (error) {
      // The same fault is told once.
      const message = messageOf(error);
      if (message !== told)
        log.warn({ file: files.cert, error: message }, "the certificate of gRPC cannot be used");
      told = message;
    }
  };
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, everyMs).unref();
  return () => clearInterval(timer);
}

function textOf({ cert, key }: CertificatePair): string {
  return `${cert}\n${key}`;
}
