import { configDefaults, defineConfig } from "vitest/config";
import { SlowFirst } from "./test/harness/slow-first.ts";

const exclude = [...configDefaults.exclude, "**/.narun/**", "dist/**"];

/**
 * Files that change or measure their process as a whole: its modules, folder, certificates, memory, sockets, children. Each has
 * a process of its own. All others share processes, and with them the modules of narun, whose evaluation takes a second.
 */
const ALONE = [
  "bench/processes.test.ts",
  "bench/resident-once.test.ts",
  "cli/output/terminal-text.test.ts",
  "gateway/http/closing.test.ts",
  "machine/compiler.test.ts",
  "nats/discovery.test.ts",
  "nats/transport/own.test.ts",
  "runtime/isolate/image/snapshot.test.ts",
  "runtime/node/metrics/process-usage.test.ts",
  "test/fuzz/http.test.ts",
  "web/fetch/fetch-coding.test.ts",
  "web/fetch/fetch-connections.test.ts",
  "web/fetch/laziness.test.ts",
];

/** Files that also run over NATS alone, on the client library's own transport, where NARUN_TEST_PLAIN is set (`.ci/run`). */
const PLAIN = ["http", "cold-start", "streaming", "websocket", "bindings/objects", "connection-failure"];

export default defineConfig({
  test: {
    reporters: ["default", ["json", { outputFile: ".narun/test-results.json" }]],
    globalSetup: ["test/harness/global-setup.ts"],
    // Processes, as tests start and kill processes of their own.
    pool: "forks",
    // A test of a whole world waits for more than half of its time, so that three keep two cores busy. Each has a nats-server
    // and a node beside it: more of them than that compete.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
    // isolated-vm cannot make isolates in a process that was itself started from a snapshot.
    execArgv: ["--no-node-snapshot"],
    testTimeout: 30_000,
    // Most hooks start or end a whole world, which takes many seconds on a busy machine.
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: "alone", include: ALONE, exclude } },
      {
        extends: true,
        test: { name: "shared", include: ["**/*.test.ts"], exclude: [...exclude, ...ALONE], isolate: false },
      },
      ...(process.env.NARUN_TEST_PLAIN === undefined
        ? []
        : [
            {
              extends: true as const,
              test: {
                name: "plain",
                include: PLAIN.map((name) => `test/${name}.test.ts`),
                exclude,
                isolate: false,
                env: { NARUN_NATS_TRANSPORT: "plain", NARUN_SHORT_PATH: "off" },
              },
            },
          ]),
    ],
  },
});
