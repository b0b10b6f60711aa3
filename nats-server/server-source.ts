/** Where a nats-server binary came from. */
export type ServerSource = "named" | "path" | "cache" | "release" | "apt";

/** A step of fetching nats-server. The byte counts are known for the release archive only. */
export interface ServerProgress {
  stage: "release-download" | "apt-index" | "apt-download" | "unpack";
  receivedBytes?: number;
  totalBytes?: number;
}

export interface FetchOptions {
  /** A folder of its own for this fetch, which the caller removes. */
  scratchDir: string;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: ServerProgress) => void) | undefined;
}

/** The outcome of a fetch: a binary in the scratch folder that was run once, or the reason why there is none. */
export type Fetched =
  | { outcome: "fetched"; path: string; version: string }
  | { outcome: "failed"; reason: string };
