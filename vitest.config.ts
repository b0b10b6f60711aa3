import { configDefaults, defineConfig } from "vitest/config";

const exclude = [...configDefaults.exclude, "**/.narun/**", "dist/**"];

/** Files that look at their own process as a whole, or replace modules of others. Each has a process of its own. */
const alone: string[] = [
  "web/fetch/laziness.test.ts",
];

export default defineConfig({
  test: {
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
    projects: [
      { extends: true, test: { name: "alone", include: alone, exclude } },
      // The modules of narun are evaluated once for many files, which halves the time of the small ones.
      { extends: true, test: { name: "all", include: ["**/*.test.ts"], exclude: [...exclude, ...alone], isolate: false } },
    ],
  },
});
