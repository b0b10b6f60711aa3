/**
 * The functions that `narun dev` watches. Each goes live as with `narun push`. A failed push leaves the previous revision
 * running, and is repeated at the next save, and when a missing secret or name becomes available.
 */
import { type Build, displayPath, watchFunction } from "../../builder/index.ts";
import { describeTriggers, isNarunError, shortRevision } from "../../contracts/index.ts";
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
  /** Watches one more folder until the signal aborts. Ignores a folder that is watched already. */
  add(folder: string): Promise<void>;
  /** Pushes the failed functions again. */
  retry(): void;
}

/** `onTried` is called after each push of a folder, successful or not. */
export function createWatchedFunctions(
  world: World,
  options: WorldOptions,
  onTried: (folder: string) => void,
): WatchedFunctions {
  const { output, signal } = options;
  const { bold, dim, red, yellow } = output.colours;
  // Functions on a server of the user keep their limits.
  const isDebugged = options.inspect !== undefined && options.external === undefined;
  const retries = new EventTarget();
  /** The folders, and the last known name of each function. */
  const names = new Map<string, string | undefined>();
  /** The last warnings of each build. Repeated warnings are not shown again. */
  const warned = new Map<string, string>();
  const retry = () => void retries.dispatchEvent(new Event("retry"));

  /** Retries the failed pushes when a name becomes free: another folder may wait for it. */
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
    for (const trigger of describeTriggers(build.config)) output.line(dim(`  ${trigger}`));
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
    const after = (await isLive(name)) ? `\n${dim("The previous revision still answers.")}` : "";
    output.error(`${red("failed")}  ${name ?? displayPath(folder)}: ${explainFailure(error)}${after}`);
  };

  /** False also without an answer of NATS. */
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
