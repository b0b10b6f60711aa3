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

export default defineConfig({
  test: {
    reporters: ["default", ["json", { outputFile: ".narun/test-results.json" }]],
    globalSetup: ["test/harness/global-setup.ts"],
    // Processes, as tests start and kill processes of their own; few of them, as each has its nats-server beside it.
    pool: "forks",
    maxWorkers: 2,
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
    ],
  },
});
