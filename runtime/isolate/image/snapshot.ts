import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../../contracts/index.ts";
import { holdCompiler } from "../../../machine/index.ts";
import { keepBuilt, SOURCE_EXTENSION } from "./built-file.ts";
import { fingerprintOf, notesFolder } from "./fingerprint.ts";
import { lazyModules } from "./lazy-modules.ts";
import { WARM_UP } from "./warm-up.ts";

const platformFolder = fileURLToPath(new URL("../../../web/", import.meta.url));

/**
 * The snapshot of the web platform that isolates start from, out of the cache folder. Where the platform's sources, its packages
 * or Node have changed it is made again. Making it takes some 300 ms, reading it 1 ms. V8 would end the process over a damaged
 * snapshot.
 */
export async function loadSnapshot(cacheDir: string): Promise<Uint8Array> {
  const settings = [WARM_UP];
  // The files that say how the platform is bundled.
  for (const name of ["snapshot", "lazy-modules"])
    settings.push(await readFile(join(import.meta.dirname, `${name}${SOURCE_EXTENSION}`), "utf8"));
  const fingerprint = await fingerprintOf([platformFolder], settings, notesFolder(cacheDir));
  const file = join(cacheDir, "platform", `${fingerprint}.snapshot`);
  return keepBuilt(file, async () => makeSnapshot(await bundlePlatform()));
}

/** The platform as one classic script. */
export async function bundlePlatform(): Promise<string> {
  using compiler = holdCompiler();
  const { build } = await compiler.load();
  const result = await build({
    entryPoints: [join(platformFolder, `start/main${SOURCE_EXTENSION}`)],
    bundle: true,
    write: false,
    format: "iife",
    target: "esnext",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["import"],
    // Aliases are resolved from here: the folder in which narun is started does not matter.
    absWorkingDir: platformFolder,
    alias: {
      tr46: join(platformFolder, `url/idna${SOURCE_EXTENSION}`),
      // whatwg-url loads all encodings, for documents that are not in UTF-8.
      "@exodus/bytes/encoding.js": join(platformFolder, `url/percent-encode${SOURCE_EXTENSION}`),
      "@exodus/bytes/whatwg.js": join(platformFolder, `url/percent-encode${SOURCE_EXTENSION}`),
    },
    // V8 alone has no TextEncoder: libraries get the platform's own.
    inject: [join(platformFolder, `encoding/encoding${SOURCE_EXTENSION}`)],
    plugins: [
      lazyModules(platformFolder),
      {
        // The interfaces of whatwg-url are in the snapshot, its parser is made later.
        name: "url-parser",
        setup({ onResolve }) {
          const path = join(platformFolder, `url/url-parser${SOURCE_EXTENSION}`);
          onResolve({ filter: /^\.\/(?:url-state-machine|urlencoded)$/ }, ({ importer }) =>
            importer.endsWith("-impl.js") ? { path } : undefined,
          );
        },
      },
      {
        // Isolates that need the tables of the multi-byte encodings ask the host for them.
        name: "encoding-tables",
        setup({ onResolve }) {
          const path = join(platformFolder, `encoding/encoding-tables${SOURCE_EXTENSION}`);
          onResolve({ filter: /\/multi-byte\.encodings\.cjs$/ }, () => ({ path }));
        },
      },
    ],
    legalComments: "none",
    // Each isolate keeps the text: minified, an isolate takes 1.1 MB less. The names of functions that programs see are set
    // where the functions are installed (asInterface, globals.ts), or are names of properties.
    minify: true,
  });
  return result.outputFiles[0]?.text ?? "";
}

/**
 * V8 makes a snapshot only in a process that did not start from Node's own snapshot, and a failure ends that process. So a
 * process of its own does it.
 */
function makeSnapshot(script: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const maker = fileURLToPath(new URL(`./make-snapshot${SOURCE_EXTENSION}`, import.meta.url));
    const child = spawn(process.execPath, ["--no-node-snapshot", maker], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { TZ: "UTC" },
    });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(output));
      else
        reject(
          new Error(`the platform snapshot could not be made: ${Buffer.concat(errors).toString().trim()}`),
        );
    });
    child.stdin.on("error", (error) =>
      reject(new Error(`the platform snapshot could not be made: ${messageOf(error)}`)),
    );
    child.stdin.end(script);
  });
}
