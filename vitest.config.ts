import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: [...configDefaults.exclude, "**/.narun/**", "dist/**"],
    reporters: ["default", ["json", { outputFile: ".narun/test-results.json" }]],
    globalSetup: ["test/harness/global-setup.ts"],
    // Processes, as tests start and kill processes of their own; few of them, as each has its nats-server beside it.
    pool: "forks",
    maxWorkers: 2,
    // isolated-vm cannot make isolates in a process that was itself started from a snapshot.
    execArgv: ["--no-node-snapshot"],
    testTimeout: 30_000,
    // Most hooks start or end a whole world, which takes many seconds on a busy machine.
    hookTimeout: 120_000,
  },
});
