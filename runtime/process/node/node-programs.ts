/**
 * The programs of the mode `node`, each as one file: the process of an instance, and the thread of its code. They are bundled once,
 * as the program of isolate hosts is (isolate/image/host-program.ts).
 */
import { join } from "node:path";
import type { Plugin } from "esbuild";
import { keepOpen, SOURCE_EXTENSION } from "../../isolate/image/built-file.ts";
import type { HostProgram } from "../../isolate/image/host-program.ts";
import { bundleProgram, programFingerprint, ROOT } from "../../isolate/image/program-bundle.ts";
import { MACHINE_STATE_FILE } from "../../isolate/machine-state-file.ts";

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
  const fingerprint = await programFingerprint(["node"], cacheDir);
  const load = (entry: string) =>
    keepOpen(join(cacheDir, "node", `${entry.split("/")[0]}-${fingerprint}.mjs`), () =>
      bundleProgram(join(import.meta.dirname, `${entry}${SOURCE_EXTENSION}`), [standIns]),
    );
  const [main, thread] = await Promise.all([load("process/main"), load("thread/main")]);
  const readable = [main.file, thread.file];
  return {
    file: main.file,
    readable,
    arguments: [thread.file],
    options: nodeOptions(readable),
    restore() {
      main.restore();
      thread.restore();
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

const standIns: Plugin = {
  name: "stand-ins",
  setup({ onLoad }) {
    onLoad(
      { filter: /[\\/]web[\\/](?:start|streams|fetch|encoding|console|bindings)[\\/][^\\/]+\.[jt]s$/ },
      ({ path }) => {
        const name = path
          .slice(ROOT.length)
          .replaceAll("\\", "/")
          .replace(/\.[jt]s$/, "");
        const standIn = STAND_INS[name];
        if (standIn === undefined) return undefined;
        const file = join(import.meta.dirname, "thread", "platform", `${standIn}${SOURCE_EXTENSION}`);
        return { contents: `export * from ${JSON.stringify(file)};`, resolveDir: ROOT, loader: "js" };
      },
    );
  },
};
