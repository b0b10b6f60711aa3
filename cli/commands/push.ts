import type { Command } from "commander";
import { type Build, buildFunction } from "../../builder/index.ts";
import { type Mode, shortRevision } from "../../contracts/index.ts";
import {
  describeShadowed,
  describeUrl,
  findGatewayUrl,
  findShadowedBeside,
  functionUrl,
  type PushProgress,
  pushBuild,
  type WhyUntried,
} from "../../control/index.ts";
import type { Nats } from "../../nats/index.ts";
import { addExamples } from "../examples.ts";
import { forEachFunction } from "../functions/function-folders.ts";
import { showWarnings } from "../output/build-warnings.ts";
import type { Output } from "../output/output.ts";
import { withNats } from "../session.ts";

export function addPushCommand(program: Command): void {
  const command = program
    .command("push [dir]")
    .description("build, store and make live the function (or every function) in a folder")
    .action((dir: string | undefined, _options: object, command: Command) =>
      withNats(command, async (nats, output) => {
        const finding = findGatewayUrl(nats);
        await forEachFunction(dir, output, async (folder) => {
          await pushFolder(nats, output, await buildFunction(folder), await finding);
        });
      }),
    );
  addExamples(command, [
    ["narun push", "the function in this folder"],
    ["narun push hello --nats nats://nats.internal", "on another system"],
  ]);
}

async function pushFolder(
  nats: Nats,
  output: Output,
  build: Build,
  gatewayUrl: string | undefined,
): Promise<void> {
  const { name, routes, mode } = build.config;
  const progress = output.progress(`pushing ${name}`);
  const result = await pushBuild(nats, build, {
    onProgress: (step) => progress.update(`pushing ${name}: ${describeStep(step)}`),
  }).finally(() => progress.end());
  const { revision, unchanged, tried, whyUntried, answering, missingServices } = result;
  const url = functionUrl(gatewayUrl, routes);
  const shadowedRoutes = await findShadowedBeside(nats, name);
  if (output.isJson) {
    const doubts = { missingServices, shadowedRoutes, warnings: build.warnings };
    return output.json({ name, revision, url, unchanged, tried, whyUntried, answering, ...doubts });
  }
  const { bold, dim } = output.colours;
  const state = unchanged ? dim("unchanged") : describeLive(output, answering);
  output.line(`${bold(name)}  ${shortRevision(revision)}  ${state}  ${url ?? dim(describeUrl(url, routes))}`);
  showWarnings(output, build.warnings);
  if (whyUntried !== undefined) {
    output.note(`${describeUntried(whyUntried, mode)}: nothing has tried this revision yet.`);
  }
  if (!answering) output.note(describeReplacing(name));
  for (const shadowed of shadowedRoutes) output.note(output.colours.yellow(describeShadowed(shadowed)));
  for (const { binding, service } of missingServices) {
    output.note(
      `The binding ${binding} is of the service ${service}, which has no spec: its calls fail unless something else answers under that name.`,
    );
  }
}

/** What a push or a rollback has come to, in a word. */
export function describeLive({ colours }: Output, answering: boolean): string {
  return answering ? colours.green("live") : colours.yellow("going live");
}

/** What to know where it is not more than going live. */
export function describeReplacing(name: string): string {
  return `Not every gateway answers with it yet: the revision before does until an instance of this one is ready. \`narun ps\` shows the instances, \`narun logs ${name}\` why one does not start.`;
}

function describeUntried(why: WhyUntried, mode: Mode): string {
  switch (why) {
    case "no-node":
      return "No node is running";
    case "no-node-of-mode":
      return `No node runs functions of mode ${mode} (\`narun nodes\` shows what each runs)`;
    case "not-taken":
      return "No node has taken it";
  }
}

function describeStep(step: PushProgress): string {
  switch (step.step) {
    case "upload":
      return `storing the ${step.file === "bundle" ? "bundle" : "source map"}`;
    case "trial":
      return `trying it on ${step.node}`;
    case "replace":
      return "waiting for an instance";
  }
}
