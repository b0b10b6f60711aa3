import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../../contracts/index.ts";
import { fingerprintOf, keepBuilt, SOURCE_EXTENSION } from "./built-file.ts";
import { lazyModules } from "./lazy-modules.ts";
import { WARM_UP } from "./warm-up.ts";

const platformFolder = fileURLToPath(new URL("../../../web/", import.meta.url));

/**
 * The snapshot of the web platform that isolates start from, out of the cache folder, or made anew where the
 * platform's sources, its packages or Node have changed. Making it takes some 300 ms, reading it 1 ms. V8 would end the
 * process over a damaged one.
 */
export async function loadSnapshot(cacheDir: string): Promise<Uint8Array> {
  const settings = [WARM_UP];
  // How it is bundled.
  for (const name of ["snapshot", "lazy-modules"])
    settings.push(await readFile(join(import.meta.dirname, `${name}${SOURCE_EXTENSION}`), "utf8"));
  const fingerprint = await fingerprintOf([platformFolder], settings);
  const file = join(cacheDir, "platform", `${fingerprint}.snapshot`);
  return keepBuilt(file, async () => makeSnapshot(await bundlePlatform()));
}

/** The platform as one classic script. */
export async function bundlePlatform(): Promise<string> {
  const { build } = await import("esbuild");
  const result = await build({
    entryPoints: [join(platformFolder, `start/main${SOURCE_EXTENSION}`)],
    bundle: true,
    write: false,
    format: "iife",
    target: "esnext",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["import"],
    // Aliases are looked for from here: narun is started in any folder.
    absWorkingDir: platformFolder,
    alias: {
      tr46: join(platformFolder, `url/idna${SOURCE_EXTENSION}`),
      // whatwg-url loads all encodings, which only a document's own would need.
      "@exodus/bytes/encoding.js": join(platformFolder, `url/percent-encode${SOURCE_EXTENSION}`),
      "@exodus/bytes/whatwg.js": join(platformFolder, `url/percent-encode${SOURCE_EXTENSION}`),
    },
    // Libraries that take TextEncoder for granted get the platform's own: V8 alone has none.
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
        // The tables of the multi-byte encodings are asked of the host, by the few who need them.
        name: "encoding-tables",
        setup({ onResolve }) {
          const path = join(platformFolder, `encoding/encoding-tables${SOURCE_EXTENSION}`);
          onResolve({ filter: /\/multi-byte\.encodings\.cjs$/ }, () => ({ path }));
        },
      },
    ],
    legalComments: "none",
    // Each isolate keeps the text: minified, an isolate takes 1.1 MB less. What programs see of the names of functions
    // is set where they are installed (asInterface, globals.ts) or is the name of a property.
    minify: true,
  });
  return result.outputFiles[0]?.text ?? "";
}

/**
 * V8 makes a snapshot only in a process without one of Node's own, and a failure in it ends the process: a process of
 * its own does it.
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
