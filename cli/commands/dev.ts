import { join } from "node:path";
import { watchFolders } from "../../builder/index.ts";
import { openSecrets, readLogs } from "../../nats/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { foldersByName } from "../functions/debugging.ts";
import { requireFunctions } from "../functions/function-folders.ts";
import { createWatchedFunctions } from "../functions/watched-functions.ts";
import { openLogLine } from "../open-log-line.ts";
import { openerOf } from "../open-sealed.ts";
import { inspect, splitInspect } from "../options/inspect.ts";
import { KEYS_FOLDER, keysAs } from "../options/storage.ts";
import { createLogView } from "../output/log-view.ts";
import type { Output } from "../output/output.ts";
import { untilStopped } from "../until-stopped.ts";
import { startWorld, type World, type WorldOptions } from "../world/world.ts";
import { addressesOf, resolveWorld, showAddresses, worldOptions } from "../world/world-options.ts";

export const devCommand = defineCommand({
  usage: "dev [dir]",
  says: "run everything, and push again whenever a source file is saved",
  options: { ...worldOptions, inspect, keysAs },
  examples: [
    ["narun dev", "the function in this folder"],
    ["narun dev functions", "every function below functions"],
    ["narun dev --inspect", "breakpoints: chrome://inspect, or an editor attached to port 9229"],
  ],
  async run(args, context) {
    const { signal, stopped } = untilStopped();
    const options = await resolveWorld(context, signal);
    const nodeArguments = [...options.nodeArguments, "--close-replaced-sockets"];
    const { address, dir = "." } = splitInspect(context.options.inspect, args.dir);
    try {
      const folders = await requireFunctions(dir);
      const inspect = address && { ...address, folders: await foldersByName(folders) };
      const watched = { ...options, nodeArguments, ...(inspect === undefined ? {} : { inspect }) };
      const { keysAs, keysPassphrase, keysDir = join(options.dataDir, KEYS_FOLDER) } = context.options;
      await runWatched(watched, { dir, folders, keys: { keysAs, keysDir, keysPassphrase } }, stopped);
    } catch (error) {
      // The user stopped it, perhaps while it started: no error.
      if (!signal.aborted) throw error;
    }
  },
});

/** The watched folder, and the functions in it at the start. `keys`: open sealed lines of logs. */
interface Place {
  dir: string;
  folders: string[];
  keys: Parameters<typeof openerOf>[1];
}

async function runWatched(
  options: WorldOptions,
  { dir, folders, keys }: Place,
  stopped: Promise<void>,
): Promise<void> {
  const { output, signal } = options;
  const pushes = createFirstPushes(folders);
  const world = await startWorld({ ...options, firstPushes: pushes.all });
  try {
    if (output.isJson) output.json(addressesOf(world));
    else showAddresses(output, world);
    output.note(output.colours.dim("Every save goes live; Ctrl-C stops everything.\n"));
    const watched = createWatchedFunctions(world, options, (folder) => pushes.end(folder));
    const secrets = await openSecrets(world.nats);
    // The watch starts before the first push, so that no new secret goes unseen.
    await secrets.watch(() => watched.retry(), signal);
    const failed = Promise.withResolvers<never>();
    const add = (folder: string) => void watched.add(folder).catch(failed.reject);
    folders.forEach(add);
    watchFolders(dir, folders, { signal, onFolder: add }).catch(failed.reject);
    showLogs(world, output, { keys, signal }).catch(failed.reject);
    await Promise.race([stopped, failed.promise]);
  } finally {
    await world.close();
  }
}

/** `all` resolves when the first push of every folder has ended, successful or not. */
function createFirstPushes(folders: string[]): { all: Promise<void>; end(folder: string): void } {
  const open = new Set(folders);
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    all: promise,
    end(folder) {
      open.delete(folder);
      if (open.size === 0) resolve();
    },
  };
}

async function showLogs(
  world: World,
  output: Output,
  { keys, signal }: Pick<Place, "keys"> & { signal: AbortSignal },
): Promise<void> {
  if (output.isJson) return;
  const view = createLogView(output, { withNames: true });
  using opener = openerOf(world.nats, keys);
  for await (const stored of readLogs(world.nats, { since: new Date(), follow: true, signal })) {
    const { line } = await openLogLine(stored, opener.open);
    view.show({ kind: "line", line });
  }
}
