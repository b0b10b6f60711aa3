/**
 * Builds a function again whenever its source changes, for `narun dev`.
 *
 * I1  One build at a time, and none while `onBuild` is under way; changes that come meanwhile make one more build.
 * I2  A build is reported only if all that it read, and every path at which it looked for a file, was watched while it
 *     read: no change goes unseen. watched-names.ts says what that is.
 * I3  A failed build ends nothing: what the last good one has read stays watched, beside what the failed one has.
 *
 * The bundler's own watch mode is not used, as it polls: seconds may pass before it sees a change.
 */
import { resolve } from "node:path";
import { isNarunError, messageOf } from "../contracts/index.ts";
import { type Build, buildWith, sourceOf } from "./build.ts";
import { type Bundler, createBundler } from "./bundler.ts";
import { createChangeGate } from "./change-gate.ts";
import { createFolderWatch } from "./folder-watch.ts";
import { type LoadedFunction, loadFunction, resolveFolder } from "./function-folder.ts";
import { type Reading, watchedNames } from "./watched-names.ts";

/** Who hears of builds, and until when. */
export interface WatchOptions {
  /** Called with every build that differs from the one before. While its promise is pending nothing is built. */
  onBuild(build: Build): void | Promise<void>;
  /** Called when the function does not build, and with whatever `onBuild` throws. The same build error is told once. */
  onError(error: unknown): void | Promise<void>;
  /** An event `retry` at it has a build that `onBuild` threw at handed over again. */
  retries?: EventTarget;
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
  { onBuild, onError, retries, signal, isMinified = true }: WatchOptions,
): Promise<void> {
  const root = await resolveFolder(dir);
  const gate = createChangeGate(signal);
  await using builder = createRebuilder(root, isMinified);
  using watch = createFolderWatch(gate.notify);
  retries?.addEventListener("retry", gate.notify, { signal });
  let lastGood: Reading = { files: [], lookups: [] };
  let reported: string | undefined;

  /** Builds until all that was read was watched meanwhile (I2). */
  const buildWatched = async (): Promise<Outcome> => {
    for (;;) {
      const outcome = await builder.build();
      const reading = await builder.lastReading(outcome);
      if (outcome.ok) lastGood = reading;
      const both = {
        files: [...reading.files, ...lastGood.files],
        lookups: [...reading.lookups, ...lastGood.lookups],
      };
      if (!watch.watchOnly(watchedNames(root, outcome.ok ? reading : both))) return outcome;
    }
  };

  watch.watchOnly(watchedNames(root, lastGood));
  while (!signal.aborted) {
    const outcome = await buildWatched();
    if (signal.aborted) break;
    const digest = outcome.ok ? outcome.build.revision : messageOf(outcome.error);
    if (digest !== reported) {
      reported = digest;
      if (!outcome.ok) await onError(outcome.error);
      else {
        await Promise.try(onBuild, outcome.build).catch((error: unknown) => {
          // What could not be used is tried again at the next save, changed or not.
          reported = undefined;
          return onError(error);
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
    /** What the last build has read and looked for. */
    async lastReading(outcome: Outcome): Promise<Reading> {
      const entries = outcome.ok ? [] : entriesOf(dir, outcome.error);
      const { files, lookups } = (await current?.bundler.lastReading()) ?? { files: [], lookups: [] };
      return { files: [...files, ...entries], lookups };
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

/** Where an entry was looked for, in vain. */
function entriesOf(dir: string, error: unknown): string[] {
  if (!isNarunError(error, "ENTRY_NOT_FOUND")) return [];
  const lookedFor = error.fields.lookedFor as string[] | undefined;
  return (lookedFor ?? []).map((entry) => resolve(dir, entry));
}
