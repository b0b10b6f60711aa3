#!/usr/bin/env node
// JavaScript that every Node since 14 parses: it finds a Node that runs the rest, or says in one line that there is none.
const { existsSync, mkdirSync } = require("node:fs");
const { spawn } = require("node:child_process");
const { enableCompileCache } = require("node:module");
const { Socket } = require("node:net");
const { homedir } = require("node:os");
const { dirname, isAbsolute, join, resolve } = require("node:path");
const { pathToFileURL } = require("node:url");

const OLDEST_NODE = 24;
/** The variable that names the descriptor of a pipe which closes when the parent dies, however it does. */
const LIFELINE = "NARUN_LIFELINE";
// Node has resolved symbolic links: this is narun's own folder, also where npm linked the command into another.
const root = resolve(__dirname, "..");
// The repository has the sources, the package what was made of them.
const candidates = [join(root, "cli", "main.ts"), join(root, "dist", "cli", "main.js")];
const main = candidates.find((file) => existsSync(file)) || candidates[0];

hideLogins();
if (Number(process.versions.node.split(".")[0]) >= OLDEST_NODE) {
  keepCompiled();
  endWithParent();
  import(pathToFileURL(main).href).catch((error) => {
    const isIncomplete = error.code === "ERR_MODULE_NOT_FOUND";
    fail(
      isIncomplete
        ? `parts of narun are missing; run npm install in ${root} (${error.message})`
        : error.stack,
    );
  });
} else {
  const pinned = findPinnedNode();
  if (pinned === undefined) {
    fail(
      `Node ${OLDEST_NODE} or newer is needed, this is ${process.versions.node}; install a newer one, or run npm install in ${root}`,
    );
  } else {
    runWith(pinned);
  }
}

/** Everybody on the machine sees the command line of a process (ps): a login in the address of NATS goes from there. */
function hideLogins() {
  const given = process.argv.slice(2);
  const shown = given.map((arg, index) => {
    const isAddress = given[index - 1] === "--nats" || arg.startsWith("--nats=");
    return isAddress ? arg.replace(/^(--nats=)?([a-z]+:\/\/)?.*@/i, "$1$2***@") : arg;
  });
  if (shown.join(" ") !== given.join(" ")) process.title = ["narun", ...shown].join(" ");
}

/**
 * Keeps what type stripping and the compiler did for the next start, and for the processes that this one starts: it
 * halves the time of every command, and the type stripper alone takes 17 MB. Where it cannot be kept nothing is lost.
 */
function keepCompiled() {
  const { env, platform } = process;
  // Node does it by itself then.
  if (env.NODE_COMPILE_CACHE) return;
  const home = platform === "darwin" ? ["Library", "Caches"] : [".cache"];
  // Relative paths are to be ignored, says the XDG base directory specification.
  const isGiven = env.XDG_CACHE_HOME !== undefined && isAbsolute(env.XDG_CACHE_HOME);
  const caches = isGiven ? env.XDG_CACHE_HOME : join(env.HOME || homedir(), ...home);
  const narun = join(caches, "narun");
  const folder = join(narun, "compiled");
  try {
    // One by one: Node never comes back from making folders below one that denies their being, as /proc does.
    for (const path of [caches, narun, folder]) if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
    enableCompileCache(folder);
    env.NODE_COMPILE_CACHE = folder;
  } catch {
    // All there is to lose is time.
  }
}

/** The Node that `npm install` put beside narun, for machines whose own is older. */
function findPinnedNode() {
  for (let folder = root; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", "node", "bin", "node");
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

function runWith(node) {
  const child = spawn(node, [__filename, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, [LIFELINE]: "3" },
  });
  // A terminal has sent its signal to the child as well, which counts both as one.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`${node} does not run: ${error.message}`));
  child.on("exit", (code) => {
    process.exitCode = code === null ? 1 : code;
  });
}

/** Where an older Node has started this process: ends it as SIGTERM does, as soon as that one is no more. */
function endWithParent() {
  const fd = process.env[LIFELINE];
  // What this process starts has other parents.
  delete process.env[LIFELINE];
  if (fd === undefined) return;
  const lifeline = new Socket({ fd: Number(fd) });
  lifeline.on("error", () => undefined);
  lifeline.on("close", () => process.kill(process.pid, "SIGTERM"));
  lifeline.resume().unref();
}

function fail(text) {
  process.stderr.write(`narun: ${text}\n`);
  process.exitCode = 1;
}
