#!/usr/bin/env node
// Plain JavaScript for every Node since 14. It finds a Node that runs the rest, or reports in one line that none exists.
const { existsSync, mkdirSync } = require("node:fs");
const { spawn } = require("node:child_process");
const { enableCompileCache } = require("node:module");
const { Socket } = require("node:net");
const { homedir } = require("node:os");
const { dirname, isAbsolute, join, resolve } = require("node:path");
const { pathToFileURL } = require("node:url");

const OLDEST_NODE = 24;
/** The variable with the descriptor of a pipe from the parent. The pipe closes when the parent dies. */
const LIFELINE = "NARUN_LIFELINE";
// narun's own folder. Node has resolved the symbolic link that npm may have made for the command.
const root = resolve(__dirname, "..");
// The repository has the sources, the package their compiled form.
const candidates = [join(root, "cli", "main.ts"), join(root, "dist", "cli", "main.js")];
const main = candidates.find((file) => existsSync(file)) || candidates[0];

hideLogins();
if (Number(process.versions.node.split(".")[0]) >= OLDEST_NODE) {
  endWithParent();
  start();
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

async function start() {
  const caches = ownCaches();
  try {
    const { findMain } = require("./built.cjs");
    const found = await findMain(main, caches && join(caches, "built"));
    // Built files have theirs beside them (cli/built/compiled-code.ts).
    if (caches !== undefined && found === main) keepCompiled(join(caches, "compiled"));
    await import(pathToFileURL(found).href);
  } catch (error) {
    const isIncomplete = /^(?:ERR_)?MODULE_NOT_FOUND$/.test(error.code);
    fail(
      isIncomplete
        ? `parts of narun are missing; run npm install in ${root} (${error.message.split("\n")[0]})`
        : error.stack,
    );
  }
}

/**
 * Removes a login in the address of NATS, and a token of `--join`, from the command line, which every user of the machine
 * sees (ps).
 */
function hideLogins() {
  const given = process.argv.slice(2);
  const shown = given.map((arg, index) => {
    const isAddress = /^--(?:nats|join)$/.test(given[index - 1]) || /^--(?:nats|join)=/.test(arg);
    return isAddress ? arg.replace(/^(--(?:nats|join)=)?([a-z]+:\/\/)?.*@/i, "$1$2***@") : arg;
  });
  if (shown.join(" ") !== given.join(" ")) process.title = ["narun", ...shown].join(" ");
}

/** narun's folder in the user's cache folder. Undefined where there can be none. */
function ownCaches() {
  const { env, platform } = process;
  const home = platform === "darwin" ? ["Library", "Caches"] : [".cache"];
  // The XDG base directory specification tells programs to ignore relative paths.
  const isGiven = env.XDG_CACHE_HOME !== undefined && isAbsolute(env.XDG_CACHE_HOME);
  const caches = isGiven ? env.XDG_CACHE_HOME : join(env.HOME || homedir(), ...home);
  const narun = join(caches, "narun");
  try {
    // Each folder by its own call: a recursive mkdir of Node never returns below a folder like /proc.
    for (const path of [caches, narun]) if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
    return narun;
  } catch {
    // Without caches a command works, but slower.
    return undefined;
  }
}

/** Caches the results of type stripping and compilation for later starts of the sources: it halves their time. */
function keepCompiled(folder) {
  const { env } = process;
  // Node itself enables the cache then.
  if (env.NODE_COMPILE_CACHE) return;
  try {
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
    enableCompileCache(folder);
    env.NODE_COMPILE_CACHE = folder;
  } catch {
    // A cache folder that cannot be written.
  }
}

/** The Node that `npm install` put beside narun, for machines with an older one. */
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
  // A terminal signals the child as well. The child counts both signals as one.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`${node} does not run: ${error.message}`));
  child.on("exit", (code) => {
    process.exitCode = code === null ? 1 : code;
  });
}

/** Ends this process like SIGTERM when the older Node that started it dies. */
function endWithParent() {
  const fd = process.env[LIFELINE];
  // The variable must not reach the processes that this one starts.
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
