#!/usr/bin/env node
// JavaScript that every Node since 14 parses: it finds a Node that runs the rest, or says in one line that there is none.
const { existsSync } = require("node:fs");
const { spawn } = require("node:child_process");
const { dirname, join } = require("node:path");

const OLDEST_NODE = 24;
const isRecent = Number(process.versions.node.split(".")[0]) >= OLDEST_NODE;
// The repository has the sources, the package what was made of them.
const candidates = [join("cli", "main.ts"), join("dist", "cli", "main.js")].map((file) =>
  join(__dirname, "..", file),
);
const main = candidates.find((file) => existsSync(file)) ?? candidates[0];

/** The Node that `npm install` put beside narun, for machines whose own is older. */
function findPinnedNode() {
  for (let folder = join(__dirname, ".."); ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", "node", "bin", "node");
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

if (isRecent) {
  import(main).catch((error) => {
    process.stderr.write(`narun: ${error?.message}\n`);
    process.exitCode = 1;
  });
} else {
  const pinned = findPinnedNode();
  if (pinned === undefined) {
    process.stderr.write(
      `narun needs Node ${OLDEST_NODE} or newer, this is ${process.versions.node}; install a newer Node, or run npm install in narun's folder\n`,
    );
    process.exitCode = 1;
  } else {
    // The terminal's signals reach the child by themselves; this process only waits for it.
    const child = spawn(pinned, [main, ...process.argv.slice(2)], { stdio: "inherit" });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    child.on("exit", (code, signal) => {
      process.exitCode = code === null ? 1 : code;
      if (signal !== null) process.exitCode = 1;
    });
  }
}
