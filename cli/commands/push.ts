import { type Build, buildFunction } from "../../builder/index.ts";
import { describeTriggers, errorEntry, type Mode, shortRevision } from "../../contracts/index.ts";
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
import { defineCommand } from "../command/define-command.ts";
import { forEachFunction, requireFunctions } from "../functions/function-folders.ts";
import { allowClear } from "../options/clear.ts";
import { showWarnings } from "../output/build-warnings.ts";
import { describeLive, describeReplacing, showCleared } from "../output/live-state.ts";
import type { Output } from "../output/output.ts";

export const pushCommand = defineCommand({
  usage: "push [dir]",
  says: "build, store and make live the function (or every function) in a folder",
  options: { allowClear },
  examples: [
    ["narun push", "the function in this folder"],
    ["narun push hello --nats nats://nats.internal", "on another system"],
  ],
  async run({ dir }, { options, output, connect }) {
    const first = buildFirst(dir);
    const nats = await connect();
    const finding = findGatewayUrl(nats);
    await forEachFunction(dir, output, async (folder) => {
      const ahead = await first;
      const build = ahead?.folder === folder ? ahead.build : await buildFunction(folder);
      await pushFolder(nats, output, { build, ...options }, finding);
    });
  },
});

/** Where something answers for a gateway, how long a slow one may take. Without any the look ends at once. */
const PATIENT = { maxWaitMs: 2_000, quietMs: 500 };

/** Builds the first function, while NATS is dialled. An error is left for its turn: a second build has it again. */
async function buildFirst(dir: string | undefined): Promise<{ folder: string; build: Build } | undefined> {
  try {
    const [folder] = await requireFunctions(dir ?? ".");
    return folder === undefined ? undefined : { folder, build: await buildFunction(folder) };
  } catch {
    return undefined;
  }
}

async function pushFolder(
  nats: Nats,
  output: Output,
  { build, allowClear }: { build: Build; allowClear: boolean },
  finding: Promise<string | undefined>,
): Promise<void> {
  const { name, routes, mode } = build.config;
  const progress = output.progress(`pushing ${name}`);
  let shadowing: ReturnType<typeof findShadowedBeside> | undefined;
  const result = await pushBuild(nats, build, {
    allowClear,
    onLive() {
      shadowing = findShadowedBeside(nats, name);
      // A push that fails meanwhile has its own error.
      shadowing.catch(() => undefined);
    },
    onProgress: (step) => progress.update(`pushing ${name}: ${describeStep(step)}`),
  }).finally(() => progress.end());
  const { revision, unchanged, tried, whyUntried, answering, missingServices, queueProblems, cleared } =
    result;
  // A gateway that was busy, or has started meanwhile, is found by a second look.
  const url = functionUrl((await finding) ?? (await findGatewayUrl(nats, PATIENT)), routes);
  const shadowedRoutes = await (shadowing ?? findShadowedBeside(nats, name));
  if (output.isJson) {
    const doubts = { missingServices, queueProblems, shadowedRoutes, warnings: build.warnings, cleared };
    return output.json({ name, revision, url, unchanged, tried, whyUntried, answering, ...doubts });
  }
  const { bold, dim } = output.colours;
  const state = unchanged ? dim("unchanged") : describeLive(output, answering);
  output.line(`${bold(name)}  ${shortRevision(revision)}  ${state}  ${url ?? dim(describeUrl(url, routes))}`);
  for (const trigger of describeTriggers(build.config)) output.line(dim(`  ${trigger}`));
  showWarnings(output, build.warnings);
  showCleared(output, cleared);
  if (whyUntried !== undefined) {
    output.note(`${describeUntried(whyUntried, mode)}: this revision is untried.`);
  }
  if (!answering) output.note(describeReplacing(name));
  for (const shadowed of shadowedRoutes) output.note(output.colours.yellow(describeShadowed(shadowed)));
  for (const { binding, service } of missingServices) {
    output.note(
      `The binding ${binding} is of the service ${service}, which has no spec: its calls fail unless something else answers under that name.`,
    );
  }
  for (const { code, stream, consumer } of queueProblems) {
    const { title, solve } = errorEntry(code);
    output.note(output.colours.yellow(`${code}: ${title}: ${stream}, ${consumer}. ${solve}`));
  }
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
