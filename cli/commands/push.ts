import type { Command } from "commander";
import {
  type Build,
  buildFunction,
  findFunctions,
  type PushProgress,
  pushBuild,
} from "../../builder/index.ts";
import { shortRevision } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { Output } from "../output.ts";
import { findGatewayUrl, functionUrl, withNats } from "../session.ts";

export function addPushCommand(program: Command): void {
  program
    .command("push [dir]")
    .description("build, store and make live the function (or every function) in a folder")
    .action((dir: string | undefined, _options: object, command: Command) =>
      withNats(command, async (nats, output) => {
        const [folders, gatewayUrl] = await Promise.all([findFunctions(dir ?? "."), findGatewayUrl(nats)]);
        for (const folder of folders) await pushFolder(nats, output, await buildFunction(folder), gatewayUrl);
      }),
    );
}

async function pushFolder(
  nats: Nats,
  output: Output,
  build: Build,
  gatewayUrl: string | undefined,
): Promise<void> {
  const { name, routes } = build.config;
  const progress = output.progress(`pushing ${name}`);
  const result = await pushBuild(nats, build, {
    onProgress: (step) => progress.update(`pushing ${name}: ${describeStep(step)}`),
  }).catch((error: unknown) => {
    progress.fail();
    throw error;
  });
  progress.done();
  const { revision, unchanged, tried } = result;
  const url = functionUrl(gatewayUrl, routes);
  if (output.isJson) return output.json({ name, revision, url, unchanged, tried });
  const { bold, dim, green } = output.colours;
  const state = unchanged ? dim("unchanged") : green("live");
  output.line(`${bold(name)}  ${shortRevision(revision)}  ${state}  ${url ?? dim("no gateway runs")}`);
  if (!unchanged && !tried) output.note("No node is running: nothing has tried this revision yet.");
}

function describeStep(step: PushProgress): string {
  return step.step === "upload"
    ? `storing the ${step.file === "bundle" ? "bundle" : "source map"}`
    : `trying it on ${step.node}`;
}
