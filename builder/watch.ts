/**
 * Builds a function again whenever its source changes, for `narun dev`.
 *
 * I1  One build at a time, and none while `onBuild` is under way; changes that come meanwhile make one more build.
 * I2  A build is reported only if every folder that it read was watched while it read: no change goes unseen.
 * I3  A failed build ends nothing: the folders of the last good one stay watched, and those of the broken files.
 *
 * The bundler's own watch mode is not used, as it polls: seconds may pass before it sees a change.
 */
import { dirname, relative, resolve, sep } from "node:path";
import { isNarunError, messageOf } from "../contracts/index.ts";
import { type Build, buildWith, sourceOf } from "./build.ts";
import type { BuildIssue } from "./build-issue.ts";
import { type Bundler, createBundler } from "./bundler.ts";
import { createChangeGate } from "./change-gate.ts";
import { createFolderWatch } from "./folder-watch.ts";
import { type LoadedFunction, loadFunction, resolveFolder } from "./function-folder.ts";

/** Who hears of builds, and until when. */
export interface WatchOptions {
  /** Called with every build that differs from the one before. While its promise is pending nothing is built. */
  onBuild(build: Build): void | Promise<void>;
  /** Called when the function does not build, and with whatever `onBuild` throws. The same build error is told once. */
  onError(error: unknown): void;
  signal: AbortSignal;
  /** False: bundles for debuggers. Default true. */
  isMinified?: boolean;
}

type Outcome = { ok: true; build: Build } | { ok: false; error: unknown };

/**
 * Builds at once, then after every change of a source file or of narun.yaml, within tens of milliseconds. Resolves when
 * `signal` has ended it and nothing is left behind. Errors of the function go to `onError`; only ENTRY_NOT_FOUND, where there
 * is no such folder at the start, ends the watch.
 */
export async function watchFunction(
  dir: string,
  { onBuild, onError, signal, isMinified = true }: WatchOptions,
): Promise<void> {
  const root = await resolveFolder(dir);
  const gate = createChangeGate(signal);
  await using builder = createRebuilder(root, isMinified);
  using watch = createFolderWatch(gate.notify);
  let folders: ReadonlySet<string> = new Set([root]);
  let reported: string | undefined;

  /** Builds until all that was read was watched meanwhile (I2). */
  const buildWatched = async (): Promise<Outcome> => {
    for (;;) {
      const outcome = await builder.build();
      const read = foldersOf(root, builder.inputs);
      folders = outcome.ok ? read : new Set([...folders, ...read, ...foldersOfError(root, outcome.error)]);
      if (!watch.watchOnly(folders)) return outcome;
    }
  };

  watch.watchOnly(folders);
  while (!signal.aborted) {
    const outcome = await buildWatched();
    if (signal.aborted) break;
    const digest = outcome.ok ? outcome.build.revision : messageOf(outcome.error);
    if (digest !== reported) {
      reported = digest;
      if (!outcome.ok) onError(outcome.error);
      else {
        await Promise.try(onBuild, outcome.build).catch((error: unknown) => {
          // What could not be used is tried again at the next save, changed or not.
          reported = undefined;
          onError(error);
        });
      }
    }
    await gate.passChange();
  }
}

/** Keeps the bundler while entry and mode stay what they are: what did not change is not parsed again. */
function createRebuilder(dir: string, isMinified: boolean) {
  let current: { key: string; bundler: Bundler } | undefined;

  const bundlerFor = async (fn: LoadedFunction): Promise<Bundler> => {
    const source = sourceOf(fn, isMinified);
    const key = JSON.stringify(source);
    if (current?.key !== key) {
      await current?.bundler[Symbol.asyncDispose]();
      current = { key, bundler: await createBundler(source) };
    }
    return current.bundler;
  };

  return {
    get inputs() {
      return current?.bundler.inputs ?? [];
    },
    async build(): Promise<Outcome> {
      try {
        const fn = await loadFunction(dir);
        return { ok: true, build: await buildWith(await bundlerFor(fn), fn, { write: false }) };
      } catch (error) {
        return { ok: false, error };
      }
    },
    async [Symbol.asyncDispose]() {
      await current?.bundler[Symbol.asyncDispose]();
    },
  };
}

/**
 * The folders of the files, and those between them and the function's own, as one of these may be replaced whole.
 * Installed packages are not watched: `npm install` touches package.json or its lock file, too.
 */
function foldersOf(root: string, files: readonly string[]): Set<string> {
  const folders = new Set([root]);
  for (const file of files) {
    if (file.includes(`${sep}node_modules${sep}`)) continue;
    let folder = dirname(file);
    folders.add(folder);
    while (folder !== root && isBelow(root, folder)) {
      folder = dirname(folder);
      folders.add(folder);
    }
  }
  return folders;
}

/** The folders of the broken files, and those in which a file was looked for that is not there. */
function foldersOfError(root: string, error: unknown): Set<string> {
  const issues = isNarunError(error) ? (error.fields.issues as BuildIssue[] | undefined) : undefined;
  const files = (issues ?? []).flatMap(({ file, module }) => {
    const broken = resolve(file);
    return module?.startsWith(".") ? [broken, resolve(dirname(broken), module)] : [broken];
  });
  return foldersOf(root, files);
}

function isBelow(root: string, folder: string): boolean {
  return !relative(root, folder).startsWith("..");
}
