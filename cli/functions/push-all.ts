/**
 * Builds and pushes many functions: neither all of their builds nor all of their pushes are there at a time, however many
 * functions there are.
 */
import { type Build, type BuildIssue, buildFunction, displayPath } from "../../builder/index.ts";
import { pushBuild } from "../../control/index.ts";
import { createTurns, type Nats } from "../../nats/index.ts";
import { findNamesakes } from "./namesakes.ts";

/** A function that could not be built or pushed. */
export interface PushFailure {
  /** Its name, or its folder where that is not known. */
  function: string;
  error: unknown;
}

/** Many pushes: the functions that failed, and every warning of those that were built. */
export interface PushOutcome {
  failures: PushFailure[];
  warnings: (BuildIssue & { function: string })[];
}

/** The function's build. Most are made only now. */
export type StartBuild = () => Promise<Build | PushFailure>;

/** Upper bound of the functions that are built and pushed at a time: more of them are in each other's way. */
export const PUSHES_AT_A_TIME = 4;

/** Upper bound of the functions that are built before somebody asks. */
export const BUILT_AHEAD = 16;

/**
 * One build for each folder. The first few begin at once, the others when they are asked for. Folders of functions with one
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

/** Pushes builds, some at a time. One function that does not build or start keeps no other from running. */
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
        // A stop in the middle is not kept waiting by functions that are still to come.
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
