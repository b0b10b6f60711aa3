// The built files of the command line: found here, made by cli/built/build-files.ts.
const { execFile } = require("node:child_process");
const { existsSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } = require("node:fs");
const { dirname, extname, join } = require("node:path");
const { debuglog, promisify } = require("node:util");

/** Upper bound of a folder's name, in bytes. */
const NAME_BYTES = 200;

/**
 * The main file to start: the built one where no source has changed since, else it is built first. Without a folder for it,
 * and after a failed build, the source itself.
 */
async function findMain(source, cacheFolder) {
  if (cacheFolder === undefined) return source;
  try {
    const folder = join(cacheFolder, encodeURIComponent(source).slice(-NAME_BYTES));
    const main = findBuilt(source, folder) || (await build(source, folder));
    noteUse(main);
    return main;
  } catch (error) {
    debuglog("narun")("the sources run: %s", error.stack);
    return source;
  }
}

/** The built main file, if the size and the last change of every source are those of the build. */
function findBuilt(source, folder) {
  const stamp = readStamp(join(folder, "stamp.json"));
  if (stamp === undefined) return undefined;
  const { main, files } = stamp;
  const isSame = ([path, bytes, changedMs]) => {
    const now = statSync(path, { throwIfNoEntry: false });
    return now !== undefined && now.size === bytes && now.ctimeMs === changedMs;
  };
  // Two places may have the same end.
  const isOfSource = files.some(([path]) => path === source);
  return isOfSource && files.every(isSame) && existsSync(main) ? main : undefined;
}

function readStamp(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // Missing, or damaged with its disk.
    return undefined;
  }
}

/**
 * Builds in a process of its own: this one would keep the compiler's memory, and the compiled code of the new files beside that of
 * the builder.
 */
async function build(source, folder) {
  const compiled = join(dirname(dirname(folder)), "compiled");
  for (const path of [dirname(folder), folder, compiled])
    if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
  const builder = join(dirname(source), "built", `build${extname(source)}`);
  const env = { ...process.env, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || compiled };
  await promisify(execFile)(process.execPath, [builder, source, folder, compiled], { env });
  const main = findBuilt(source, folder);
  if (main === undefined) throw new Error("a source changed after the build");
  return main;
}

/** Keeps the build while this process runs. It may load more files of it. */
function noteUse(main) {
  const note = join(dirname(main), String(process.pid));
  writeFileSync(note, "");
  process.on("exit", () => {
    try {
      unlinkSync(note);
    } catch {
      // The cache was emptied.
    }
  });
}

module.exports = { findMain };
