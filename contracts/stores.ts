/** The buckets and streams of narun, by their names on the wire, with the configuration that readers rely on. */
export const stores = {
  /** name → spec, YAML. Never with message TTL: an old runner would refuse the bucket. */
  configs: { bucket: "app-configs", history: 1 },
  /** node id → NodeState JSON. */
  nodes: { bucket: "node-runner-states", history: 1, ttlMs: 45_000, heartbeatMs: 15_000 },
  /** `<name>.<revision>` → manifest JSON. */
  revisions: { bucket: "narun-revisions", history: 1 },
  /** name → StoredSecret JSON (see secret.ts). */
  secrets: { bucket: "narun-secrets", history: 1 },
  /** The directory of keys, and the keys that ask to be enrolled (keys.ts). */
  keys: { bucket: "narun-keys", history: 1 },
  /** name → StoredToolKey JSON (see tool-key.ts). */
  toolKeys: { bucket: "narun-mcp-keys", history: 1 },
  /** The ids of the tokens with which nodes joined (identity-errors.ts): each is good once. */
  joins: { bucket: "narun-joins", history: 1 },
  /** The keys and tenants of a network, sealed for its nodes. */
  network: { bucket: "narun-network", history: 1 },
  /** Bundles and source maps, by their own SHA-256, and programs. */
  binaries: { objects: "app-binaries" },
  /** Files that programs mount: name → file. */
  files: { objects: "narun-files" },
  /** The journals of durable workflows (workflow.ts). */
  workflows: {
    stream: "narun-workflows",
    consumer: "due",
    /** How long the runner that took a due message may be silent. */
    ackWaitMs: 1_000,
    /** Upper bound of the workflows that run at a time, on all nodes together. */
    maxPending: 50_000,
  },
  /** History of the log lines and of the status events, for `narun logs --since`. */
  logs: { stream: "narun-logs", maxAgeMs: 7 * 24 * 3_600_000, maxBytes: 256 * 1024 * 1024 },
  /** Messages of queues that their functions did not take (dead-letter.ts). */
  deadLetters: { stream: "narun-dead-letters", maxAgeMs: 30 * 24 * 3_600_000, duplicatesMs: 2 * 3_600_000 },
  /** Messages of queues that a node gave back before a handler began them → how often (nats/pull/given-back.ts). */
  givenBack: { bucket: "narun-given-back", history: 1, ttlMs: 7 * 24 * 3_600_000 },
  /** Events (events.ts). An operator's own bounds stay: `nats stream edit narun-events`. */
  events: {
    stream: "narun-events",
    maxAgeMs: 7 * 24 * 3_600_000,
    maxBytes: 1024 * 1024 * 1024,
    duplicatesMs: 10 * 60_000,
  },
  /** The retained event of each subject. It stays until another one takes its place, or its own time is over. */
  retainedEvents: { stream: "narun-events-retained", maxBytes: 256 * 1024 * 1024 },
  /** Calls that were accepted and did not end. `maxOfEach`: upper bound of the messages of one function. */
  calls: {
    stream: "narun-calls",
    maxAgeMs: 7 * 24 * 3_600_000,
    maxOfEach: 10_000,
    duplicatesMs: 10 * 60_000,
  },
  /** id → CallRecord JSON. */
  callRecords: { bucket: "narun-call-records", history: 1, ttlMs: 7 * 24 * 3_600_000 },
  /** `<service>.<sha256 of the key>` → CallKey JSON. */
  callKeys: { bucket: "narun-call-keys", history: 1, ttlMs: 24 * 3_600_000 },
  /** The states of schedules, their alarms, and the runs that are handed out (schedules.ts). */
  schedules: {
    stream: "narun-schedules",
    dueConsumer: "narun-due",
    runConsumer: "narun-runs",
    ackWaitMs: 15_000,
    maxPending: 10_000,
  },
  /** The last runs of each schedule. */
  scheduleRuns: { stream: "narun-schedule-runs", kept: 50, maxAgeMs: 90 * 24 * 3_600_000 },
  /** Data of stored messages that is too large for one message. */
  bodies: { objects: "narun-bodies" },
  /** The state of Runtara's instances (docs/runtara.md): records, large states, events, and the work that is due. */
  runtara: {
    records: "narun-runtara",
    objects: "narun-runtara-states",
    events: "narun-runtara-events",
    runs: "narun-runtara-runs",
  },
} as const;

/** The key of a revision's manifest in `narun-revisions`. */
export function revisionKey(name: string, revision: string): string {
  return `${name}.${revision}`;
}

/** The object name of a file in `app-binaries`: content-addressed, so that equal files are stored once. */
export function objectName(sha256Hex: string): string {
  return `sha256-${sha256Hex}`;
}
