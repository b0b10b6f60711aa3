import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../../contracts/index.ts";
import { PLATFORM_FILE } from "../../platform/boundary.ts";

const platformFolder = fileURLToPath(new URL("../../platform/", import.meta.url));
/** `.ts` in the repository, `.js` in the package: the platform's sources are beside this file in either. */
const EXTENSION = extname(import.meta.filename);
const require = createRequire(import.meta.url);

/** The packages whose code is in the snapshot, and the one that makes it: a new version of any makes a new snapshot. */
const INGREDIENTS = [
  "whatwg-url",
  "@exodus/bytes",
  "node-inspect-extracted",
  "isolated-vm",
  "web-streams-polyfill",
  "webidl-conversions",
  "whatwg-mimetype",
];

/**
 * The snapshot of the web platform that isolates start from, out of the cache folder, or made anew where the
 * platform's sources, its packages or Node have changed. Making it takes some 300 ms, reading it 1 ms.
 */
export async function loadSnapshot(cacheDir: string): Promise<Uint8Array> {
  const folder = join(cacheDir, "platform");
  const file = join(folder, `${await fingerprint()}.snapshot`);
  const cached = await readFile(file).catch(() => undefined);
  const intact = cached === undefined ? undefined : unseal(cached);
  if (intact !== undefined) return intact;

  const snapshot = await makeSnapshot(await bundlePlatform());
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Another runner may be making the same one: a whole file appears, or none.
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, Buffer.concat([digestOf(snapshot), snapshot]), { mode: 0o600 });
  await rename(temporary, file);
  return snapshot;
}

const DIGEST_BYTES = 32;

/** The snapshot in a cache file, whose first bytes are its digest: V8 would end the process over a damaged one. */
function unseal(file: Uint8Array): Uint8Array | undefined {
  const snapshot = file.subarray(DIGEST_BYTES);
  return digestOf(snapshot).equals(file.subarray(0, DIGEST_BYTES)) ? snapshot : undefined;
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

async function fingerprint(): Promise<string> {
  const hash = createHash("sha256").update(
    JSON.stringify([process.versions, process.arch, process.platform]),
  );
  const sources = await readdir(platformFolder, { recursive: true });
  for (const name of sources.filter((file) => file.endsWith(EXTENSION)).sort()) {
    hash.update(name).update(await readFile(join(platformFolder, name)));
  }
  for (const name of INGREDIENTS) hash.update(`${name}@${await versionOf(name)}\n`);
  return hash.digest("hex").slice(0, 32);
}

async function versionOf(name: string): Promise<string> {
  for (const folder of require.resolve.paths(name) ?? []) {
    const text = await readFile(join(folder, name, "package.json"), "utf8").catch(() => undefined);
    if (text !== undefined) return String((JSON.parse(text) as { version?: string }).version);
  }
  return "none";
}

/** The platform as one classic script. */
async function bundlePlatform(): Promise<string> {
  const { build } = await import("esbuild");
  const result = await build({
    entryPoints: [join(platformFolder, `main${EXTENSION}`)],
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
      tr46: join(platformFolder, `idna${EXTENSION}`),
      // whatwg-url loads the tables of the multi-byte encodings, which only a document's own encoding would need.
      "@exodus/bytes/encoding.js": "@exodus/bytes/encoding-lite.js",
    },
    // Libraries that take TextEncoder for granted get the platform's own: V8 alone has none.
    inject: [join(platformFolder, `encoding${EXTENSION}`)],
    plugins: [
      {
        // The tables of the multi-byte encodings are asked of the host, by the few who need them.
        name: "encoding-tables",
        setup({ onResolve }) {
          const path = join(platformFolder, `encoding-tables${EXTENSION}`);
          onResolve({ filter: /\/multi-byte\.encodings\.cjs$/ }, () => ({ path }));
        },
      },
    ],
    legalComments: "none",
    // Each isolate keeps the text: without its white space an isolate takes 0.9 MB less.
    minifyWhitespace: true,
  });
  return result.outputFiles[0]?.text ?? "";
}

/**
 * V8 makes a snapshot only in a process without one of Node's own, and a failure in it ends the process: a process of
 * its own does it.
 */
function makeSnapshot(script: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const maker = fileURLToPath(new URL(`./make-snapshot${EXTENSION}`, import.meta.url));
    const child = spawn(process.execPath, ["--no-node-snapshot", maker, PLATFORM_FILE], {
      stdio: ["pipe", "pipe", "pipe"],
      env: {},
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
