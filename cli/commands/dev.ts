import type { Command } from "commander";
import { type Build, findFunctions, pushBuild, watchFunction } from "../../builder/index.ts";
import { isNarunError, shortRevision } from "../../contracts/index.ts";
import { readLogs } from "../../nats/index.ts";
import type { Output } from "../output.ts";
import { functionUrl, untilStopped } from "../session.ts";
import { startWorld, type World } from "../world/world.ts";
import { addressesOf, addWorldOptions, resolveWorld } from "../world/world-options.ts";
import { showLogLine } from "./logs.ts";
import { describeFailure, showAddresses } from "./up.ts";

export function addDevCommand(program: Command): void {
  addWorldOptions(program.command("dev [dir]"))
    .description("run everything, and push again whenever a source file is saved")
    .action(async (dir: string | undefined, _options: object, command: Command) => {
      const { signal, stopped } = untilStopped();
      const options = resolveWorld(command, signal);
      const folders = await findFunctions(dir ?? ".");
      const world = await startWorld(options);
      try {
        if (options.output.isJson) options.output.json(addressesOf(world));
        else showAddresses(options.output, world);
        const watches = folders.map((folder) => watchAndPush(folder, world, options.output, signal));
        const logs = showLogs(world, options.output, signal);
        await Promise.race([stopped, Promise.all(watches)]);
        await logs;
      } finally {
        await world.close();
      }
    });
}

/** Every build goes live by the same way as `narun push`: what fails leaves the old revision running. */
function watchAndPush(folder: string, world: World, output: Output, signal: AbortSignal): Promise<void> {
  const { bold, dim, green, red } = output.colours;
  return watchFunction(folder, {
    signal,
    async onBuild(build: Build) {
      const startedAt = performance.now();
      const { name, routes } = build.config;
      const { unchanged } = await pushBuild(world.nats, build, { signal });
      const url = functionUrl(world.gateway.httpUrl, routes);
      const tookMs = Math.round(build.elapsedMs + performance.now() - startedAt);
      if (output.isJson) return output.json({ name, revision: build.revision, url, unchanged, tookMs });
      output.line(
        `${green("live")}  ${bold(name)}  ${shortRevision(build.revision)}  ${dim(`${tookMs} ms`)}  ${url}`,
      );
    },
    onError(error) {
      if (signal.aborted) return;
      const code = isNarunError(error) ? error.code : "INTERNAL";
      if (output.isJson) output.json({ folder, error: { code, message: describeFailure(error) } });
      else
        output.error(
          `${red("failed")}  ${describeFailure(error)}\n${dim("The last good revision goes on answering.")}`,
        );
    },
  });
}

async function showLogs(world: World, output: Output, signal: AbortSignal): Promise<void> {
  for await (const line of readLogs(world.nats, { since: new Date(), follow: true, signal })) {
    if (!output.isJson) showLogLine(output, line, true);
  }
}
