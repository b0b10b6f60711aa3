import type { Command } from "commander";
import { type Build, buildFunction, findFunctions, pushBuild } from "../../builder/index.ts";
import { messageOf, NarunError } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { Output } from "../output.ts";
import { untilStopped } from "../session.ts";
import { startWorld, type World } from "../world/world.ts";
import { addressesOf, addWorldOptions, resolveWorld } from "../world/world-options.ts";
import { listFunctions, showFunctions } from "./ls.ts";

export function addUpCommand(program: Command): void {
  addWorldOptions(program.command("up [dir...]"))
    .description("run everything on this machine, and push the functions found under the folders")
    .action(async (dirs: string[], _options: object, command: Command) => {
      const { signal, stopped } = untilStopped();
      const options = resolveWorld(command, signal);
      // Sources are built while the world starts.
      const building = buildAll(dirs);
      building.catch(() => undefined);
      const world = await startWorld(options);
      try {
        const failures = await pushAll(world.nats, await building);
        if (!signal.aborted) await showWorld(options.output, world, failures);
        await stopped;
      } finally {
        options.output.note("stopping: finishing what is under way …");
        await world.close();
      }
    });
}

interface Failure {
  folder: string;
  error: unknown;
}

async function buildAll(dirs: string[]): Promise<(Build | Failure)[]> {
  const folders = (await Promise.all(dirs.map((dir) => findFunctions(dir)))).flat();
  return Promise.all(
    folders.map((folder) => buildFunction(folder).catch((error: unknown) => ({ folder, error }))),
  );
}

/** One function that does not build or start keeps no other from running. */
async function pushAll(nats: Nats, builds: (Build | Failure)[]): Promise<Failure[]> {
  const outcomes = await Promise.all(
    builds.map(async (build): Promise<Failure | undefined> => {
      if ("error" in build) return build;
      return pushBuild(nats, build).then(
        () => undefined,
        (error: unknown) => ({ folder: build.config.name, error }),
      );
    }),
  );
  return outcomes.filter((outcome) => outcome !== undefined);
}

async function showWorld(output: Output, world: World, failures: Failure[]): Promise<void> {
  for (const { folder, error } of failures) {
    output.error(output.colours.red(`${folder}: ${describeFailure(error)}`));
  }
  if (output.isJson) return output.json(addressesOf(world));
  showAddresses(output, world);
  const rows = await listFunctions(world.nats);
  if (rows.length === 0) return;
  output.line();
  showFunctions(output, rows);
  const callable =
    rows.find(({ name, url }) => name === "hello" && url !== null) ?? rows.find(({ url }) => url !== null);
  if (callable !== undefined) output.line(`\nTry it:\n  curl ${callable.url}`);
  output.note(output.colours.dim("\nCtrl-C stops everything."));
}

export function showAddresses(output: Output, world: World): void {
  const { dim } = output.colours;
  output.line(`${dim("http   ")}  ${world.gateway.httpUrl}`);
  output.line(`${dim("metrics")}  ${world.gateway.metricsUrl}/metrics`);
  output.line(`${dim("nats   ")}  ${world.natsUrl}`);
}

export function describeFailure(error: unknown): string {
  const stack = error instanceof NarunError ? error.fields.stack : undefined;
  return typeof stack === "string" ? `${messageOf(error)}\n${stack}` : messageOf(error);
}
