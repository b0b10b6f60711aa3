/** Builds and pushes many functions. The number of simultaneous builds and pushes is bounded. */
import { type Build, type BuildIssue, buildFunction, displayPath } from "../../builder/index.ts";
import { pushBuild } from "../../control/index.ts";
import { createTurns, type Nats } from "../../nats/index.ts";
import { findNamesakes } from "./namesakes.ts";

/** A function that could not be built or pushed. */
export interface PushFailure {
  /** The name, or the folder of a function with an unknown name. */
  function: string;
  error: unknown;
}

/** The failed functions, and the warnings of all builds. */
export interface PushOutcome {
  failures: PushFailure[];
  warnings: (BuildIssue & { function: string })[];
}

/** Returns the function's build. Most builds start at this call. */
export type StartBuild = () => Promise<Build | PushFailure>;

/** Upper bound of simultaneous builds and pushes. More would slow each other down. */
export const PUSHES_AT_A_TIME = 8;

/** Upper bound of the builds that start before their turn. */
export const BUILT_AHEAD = 16;

/**
 * One build for each folder. The first few start at once, the others at their turn. Folders whose functions have the same
 * name fail with NAME_TWICE.
 */
export async function startBuilds(
  folders: readonly string[],
  build: (folder: string) => Promise<Build> = buildFunction,
): Promise<StartBuild[]> {
  const start = (folder: string): Promise<Build | PushFailure> =>
    build(folder).catch((error: unknown) => ({ function: displayPath(folder), error }));
  const namesakes = await findNamesakes(folders);
  return folders.map((folder, index) => {
    const error = namesakes.get(folder);
    if (error !== undefined) return async () => ({ function: displayPath(folder), error });
    if (index >= BUILT_AHEAD) return () => start(folder);
    const ahead = start(folder);
    return () => ahead;
  });
}

/** Pushes builds, a few at a time. A function that does not build or start does not affect the others. */
export async function pushAll(
  nats: Nats,
  builds: readonly StartBuild[],
  { signal, onPushed }: { signal: AbortSignal; onPushed?: (count: number) => void },
): Promise<PushOutcome> {
  const turns = createTurns(PUSHES_AT_A_TIME);
  const warnings: PushOutcome["warnings"] = [];
  let pushed = 0;
  const push = async (build: Build | PushFailure): Promise<PushFailure | undefined> => {
    if ("error" in build) return build;
    const { name } = build.config;
    warnings.push(...build.warnings.map((warning) => ({ function: name, ...warning })));
    return pushBuild(nats, build, { signal }).then(
      () => undefined,
      (error: unknown) => ({ function: name, error }),
    );
  };
  const outcomes = await Promise.all(
    builds.map((startBuild) =>
      turns.run(async () => {
        // A stop skips the functions that are not pushed yet.
        if (signal.aborted) return undefined;
        const failure = await push(await startBuild());
        pushed += 1;
        onPushed?.(pushed);
        return failure;
      }),
    ),
  );
  return { failures: outcomes.filter((outcome) => outcome !== undefined), warnings };
}
