/**
 * Builds a function again whenever its source changes, for `narun dev`.
 *
 * I1  One build at a time, and none while `onBuild` runs. Changes meanwhile cause one more build.
 * I2  A build is reported only if its files, and all paths at which it looked for files, were watched while it read.
 *     Therefore no change goes unseen. watched-names.ts has the rules.
 * I3  A failed build keeps the watch alive. The files of the last good build stay watched beside its own.
 *
 * The bundler's watch mode polls, and may see a change seconds later.
 */
import { resolve } from "node:path";
import { isNarunError, messageOf } from "../contracts/index.ts";
import { buildWith, sourceOf } from "./build.ts";
import type { Build } from "./build-result.ts";
import { type Bundler, createBundler } from "./bundler.ts";
import { createChangeGate } from "./change-gate.ts";
import { createFolderWatch } from "./folder-watch.ts";
import { isProgram, type LoadedFunction, load, resolveFolder } from "./function-folder.ts";
import { createProgramBuilds, namesOfProgram, type ProgramBuilds } from "./program-builds.ts";
import { type Reading, watchedNames } from "./watched-names.ts";

/** The receivers of builds, and the end of the watch. */
export interface WatchOptions {
  /** Called with every build that differs from the previous one. No build starts before its promise has settled. */
  onBuild(build: Build): void | Promise<void>;
  /** Called with the error of a build, and with errors of `onBuild`. A repeated build error is reported once. */
  onError(error: unknown): void | Promise<void>;
  /** Its event `retry` repeats `onBuild` for a build whose `onBuild` failed. */
  retries?: EventTarget;
  signal: AbortSignal;
  /** False: bundles for debuggers. Default: true. */
  isMinified?: boolean;
}

type Outcome = { ok: true; build: Build } | { ok: false; error: unknown };

/**
 * Builds at once, then within tens of milliseconds after every change of a source file or of narun.yaml. Resolves after
 * `signal` aborted and all watches are closed. Errors of the function go to `onError`. Error: ENTRY_NOT_FOUND, for a missing
 * folder at the start.
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

  /** Builds until every file was watched while it was read (I2). */
  const buildWatched = async (): Promise<Outcome> => {
    for (;;) {
      const outcome = await builder.build();
      if (builder.isProgram) {
        if (watch.watchOnly(await namesOfProgram(root))) continue;
        return outcome;
      }
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
          // The next save hands over the build again, even if it is the same.
          reported = undefined;
          return onError(error);
        });
      }
    }
    await gate.passChange();
  }
}

/**
 * Keeps the bundler while entry and mode stay the same: it does not parse unchanged files again. A program is built by its own
 * command.
 */
function createRebuilder(dir: string, isMinified: boolean) {
  let current: { key: string; bundler: Bundler } | undefined;
  let programs: ProgramBuilds | undefined;

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
    /** Whether the folder is that of a program, as far as its narun.yaml could be read. */
    get isProgram(): boolean {
      return programs !== undefined;
    },
    /** The files that the last build read, and the paths at which it looked for files. */
    async lastReading(outcome: Outcome): Promise<Reading> {
      const entries = outcome.ok ? [] : entriesOf(dir, outcome.error);
      const { files, lookups } = (await current?.bundler.lastReading()) ?? { files: [], lookups: [] };
      return { files: [...files, ...entries], lookups };
    },
    async build(): Promise<Outcome> {
      try {
        const fn = await load(dir);
        if (isProgram(fn)) {
          programs ??= createProgramBuilds();
          return { ok: true, build: await programs.build(fn) };
        }
        programs = undefined;
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

/** The paths at which no entry was found. */
function entriesOf(dir: string, error: unknown): string[] {
  if (!isNarunError(error, "ENTRY_NOT_FOUND")) return [];
  const lookedFor = error.fields.lookedFor as string[] | undefined;
  return (lookedFor ?? []).map((entry) => resolve(dir, entry));
}
