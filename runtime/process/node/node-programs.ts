/**
 * The programs of the mode `node`, each as one file: the process of an instance, and the thread of its code. They are bundled once,
 * as the program of isolate hosts is (isolate/image/host-program.ts).
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";
import { holdCompiler } from "../../../machine/index.ts";
import {
  fingerprintOf,
  keepBuilt,
  SOURCE_EXTENSION,
  touchFile,
  withDigest,
} from "../../isolate/image/built-file.ts";
import { type HostProgram, PROGRAM_PARTS, requireParts } from "../../isolate/image/host-program.ts";
import { MACHINE_STATE_FILE } from "../../isolate/machine-state-file.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Modules of the platform, and their stand-ins in a thread of Node (thread/platform/). */
const STAND_INS: Readonly<Record<string, string>> = {
  "web/start/owner": "owner",
  "web/start/drained": "drained",
  "web/streams/streams": "streams",
  "web/fetch/response": "response",
  "web/fetch/reader-source": "reader-source",
  "web/encoding/encoding": "encoding",
  "web/console/error-text": "error-text",
  "web/bindings/service": "service",
};

/** The program of instances, out of the cache folder. */
export async function loadNodeProgram(cacheDir: string): Promise<HostProgram> {
  const fingerprint = await fingerprintOf(
    PROGRAM_PARTS.map((part) => join(root, part)),
    ["node"],
  );
  const [main, thread] = await Promise.all(
    (["process/main", "thread/main"] as const).map(async (entry) => {
      const path = join(cacheDir, "node", `${entry.split("/")[0]}-${fingerprint}.mjs`);
      const content = await keepBuilt(path, () => bundleProgram(entry));
      return { file: await realpath(path), content };
    }),
  );
  if (main === undefined || thread === undefined) throw new Error("two programs were made");
  const readable = [main.file, thread.file];
  return {
    file: main.file,
    readable,
    arguments: [thread.file],
    options: nodeOptions(readable),
    restore() {
      for (const { file, content } of [main, thread]) {
        if (existsSync(file)) touchFile(file);
        else {
          mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
          writeFileSync(file, withDigest(content), { mode: 0o600 });
        }
      }
    },
  };
}

/** Node's options for an instance: it reads its own program, starts threads, and reaches the network. It may do nothing else. */
function nodeOptions(readable: readonly string[]): string[] {
  return [
    "--disable-sigusr1",
    "--permission",
    "--allow-worker",
    "--allow-net",
    // Functions may fetch from servers whose certificates the machine's own organisation has signed.
    "--use-system-ca",
    `--allow-fs-read=${MACHINE_STATE_FILE}`,
    ...readable.map((file) => `--allow-fs-read=${file}`),
    "--disable-warning=SecurityWarning",
    "--disable-warning=ExperimentalWarning",
  ];
}

async function bundleProgram(entry: string): Promise<Uint8Array> {
  using compiler = holdCompiler();
  const { build } = await compiler.load();
  const result = await build({
    entryPoints: [join(import.meta.dirname, `${entry}${SOURCE_EXTENSION}`)],
    bundle: true,
    write: false,
    format: "esm",
    target: "esnext",
    platform: "node",
    // The folder in which narun is started does not matter.
    absWorkingDir: root,
    // CommonJS packages require Node's own modules.
    banner: {
      js: 'import { createRequire as createRequireOfHost } from "node:module"; const require = createRequireOfHost(import.meta.url);',
    },
    plugins: [standIns],
    legalComments: "none",
    metafile: true,
  });
  requireParts(Object.keys(result.metafile.inputs));
  return result.outputFiles[0]?.contents ?? new Uint8Array();
}

const standIns: Plugin = {
  name: "stand-ins",
  setup({ onLoad }) {
    onLoad(
      { filter: /[\\/]web[\\/](?:start|streams|fetch|encoding|console|bindings)[\\/][^\\/]+\.[jt]s$/ },
      ({ path }) => {
        const name = path
          .slice(root.length)
          .replaceAll("\\", "/")
          .replace(/\.[jt]s$/, "");
        const standIn = STAND_INS[name];
        if (standIn === undefined) return undefined;
        const file = join(import.meta.dirname, "thread", "platform", `${standIn}${SOURCE_EXTENSION}`);
        return { contents: `export * from ${JSON.stringify(file)};`, resolveDir: root, loader: "js" };
      },
    );
  },
};
