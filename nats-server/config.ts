export interface ServerConfig {
  host: string;
  /** -1 lets the server choose a free one. */
  port: number;
  maxPayloadBytes: number;
  /** Where JetStream keeps its data. */
  storeDir: string;
  /** Where the server writes down the ports that it listens on. */
  portsDir: string;
}

/**
 * Far above the needs of functions and logs; the disk is the real limit. Unset, a full disk would lower it at every
 * start.
 */
const MAX_FILE_STORE = "100GB";

/** The text of a nats-server configuration file. */
export function formatServerConfig(config: ServerConfig): string {
  return [
    "# Written by narun at every start.",
    `host: ${quote(config.host)}`,
    `port: ${config.port}`,
    `max_payload: ${config.maxPayloadBytes}`,
    `ports_file_dir: ${quote(config.portsDir)}`,
    "jetstream {",
    `  store_dir: ${quote(config.storeDir)}`,
    `  max_file_store: ${MAX_FILE_STORE}`,
    "}",
    "",
  ].join("\n");
}

/** The configuration language knows the escapes of JSON strings that a path can need. */
function quote(text: string): string {
  return JSON.stringify(text);
}
