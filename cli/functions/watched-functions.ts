/**
 * The functions that `narun dev` watches. Each goes live by the same way as with `narun push`; what fails leaves the
 * revision before running, and is tried again at the next save, or when something else that it waits for has changed.
 */
import { type Build, displayPath, watchFunction } from "../../builder/index.ts";
import { isNarunError, shortRevision } from "../../contracts/index.ts";
import {
  describeShadowed,
  describeUrl,
  findShadowedBeside,
  functionUrl,
  pushBuild,
} from "../../control/index.ts";
import { openSpecs } from "../../nats/index.ts";
import { showWarnings } from "../output/build-warnings.ts";
import { describeLive } from "../output/live-state.ts";
import { explainFailure, failureOf } from "../output/report-error.ts";
import type { World, WorldOptions } from "../world/world.ts";
import { forDebugging } from "./debugging.ts";
import { findNamesakes, namesOf } from "./namesakes.ts";

export interface WatchedFunctions {
  /** Watches one more folder until the signal aborts. One that is watched already is left alone. */
  add(folder: string): Promise<void>;
  /** Has what failed pushed again. */
  retry(): void;
}

/** `onTried` is called whenever a folder went live, or failed to. */
export function createWatchedFunctions(
  world: World,
  options: WorldOptions,
  onTried: (folder: string) => void,
): WatchedFunctions {
  const { output, signal } = options;
  const { bold, dim, red, yellow } = output.colours;
  // What others share keeps its own limits.
  const isDebugged = options.inspect !== undefined && options.external === undefined;
  const retries = new EventTarget();
  /** The folders, and the name that each had when it was last read. */
  const names = new Map<string, string | undefined>();
  /** What each build was warned of the last time: a save need not repeat it. */
  const warned = new Map<string, string>();
  const retry = () => void retries.dispatchEvent(new Event("retry"));

  /** A name that is free again is what the other folder of this name waits for. */
  const noteName = (folder: string, name: string | undefined) => {
    const before = names.get(folder);
    names.set(folder, name);
    if (before !== undefined && before !== name) retry();
  };

  const push = async (folder: string, built: Build) => {
    const build = isDebugged ? forDebugging(built) : built;
    const startedAt = performance.now();
    const { name, routes } = build.config;
    noteName(folder, name);
    const namesake = (await findNamesakes([...names.keys()])).get(folder);
    if (namesake !== undefined) throw namesake;
    const { unchanged, answering } = await pushBuild(world.nats, build, { signal });
    onTried(folder);
    const url = functionUrl(world.gateway.httpUrl, routes);
    const tookMs = Math.round(build.elapsedMs + performance.now() - startedAt);
    const { revision, warnings } = build;
    const shadowedRoutes = await findShadowedBeside(world.nats, name);
    if (output.isJson)
      return output.json({ name, revision, url, unchanged, answering, tookMs, shadowedRoutes, warnings });
    output.line(
      `${describeLive(output, answering)}  ${bold(name)}  ${shortRevision(revision)}  ${dim(`${tookMs} ms`)}  ${describeUrl(url, routes)}`,
    );
    for (const shadowed of shadowedRoutes) output.error(yellow(describeShadowed(shadowed)));
    const text = warnings.map(({ file, message }) => `${file}: ${message}`).join("\n");
    if (text !== warned.get(folder)) showWarnings(output, warnings);
    warned.set(folder, text);
  };

  const showFailure = async (folder: string, error: unknown) => {
    onTried(folder);
    if (signal.aborted) return;
    if (isNarunError(error, "ENTRY_NOT_FOUND")) noteName(folder, undefined);
    if (output.isJson) return output.json({ folder, error: failureOf(error) });
    const name = (await namesOf([folder])).get(folder) ?? names.get(folder);
    const after = (await isLive(name)) ? `\n${dim("What was live before goes on answering.")}` : "";
    output.error(`${red("failed")}  ${name ?? displayPath(folder)}: ${explainFailure(error)}${after}`);
  };

  /** False also where NATS does not say. */
  const isLive = async (name: string | undefined): Promise<boolean> => {
    if (name === undefined) return false;
    const spec = await openSpecs(world.nats)
      .then((specs) => specs.get(name))
      .catch(() => undefined);
    return spec !== undefined;
  };

  return {
    retry,
    async add(folder) {
      if (names.has(folder)) return;
      names.set(folder, undefined);
      await watchFunction(folder, {
        signal,
        retries,
        isMinified: options.inspect === undefined,
        onBuild: (build) => push(folder, build),
        onError: (error) => showFailure(folder, error),
      });
    },
  };
}
