import { findFunctions } from "../../builder/index.ts";
import { listFunctions } from "../../control/index.ts";
import { holdCompiler, releaseMemory } from "../../machine/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { type PushOutcome, pushAll, startBuilds } from "../functions/push-all.ts";
import { hasTenant, openTenant, type Tenant } from "../network/tenant-folder.ts";
import { CLUSTER_PORT, networkOptions } from "../options/network.ts";
import { hostLogins, nodeName } from "../options/node.ts";
import { flagArguments, type Values } from "../options/resolve.ts";
import { wrongUse } from "../options/values.ts";
import { workers } from "../options/workers.ts";
import { showWarnings } from "../output/build-warnings.ts";
import { showFunctions } from "../output/function-table.ts";
import type { Output } from "../output/output.ts";
import { explainFailure, failureOf } from "../output/report-error.ts";
import { untilStopped } from "../until-stopped.ts";
import { startWorld, type World, type WorldOptions } from "../world/world.ts";
import { addressesOf, resolveWorld, showAddresses, worldOptions } from "../world/world-options.ts";
import { boundYoungGeneration } from "../young-generation.ts";

const { hostLogin } = hostLogins;

const upOptions = { ...worldOptions, ...networkOptions, nodeName, hostLogin, workers };

export const upCommand = defineCommand({
  usage: "up [dir...]",
  says: "run everything on this machine, and push the functions found under the folders",
  options: upOptions,
  examples: [
    ["narun up functions", "nats-server, gateway, node-runner, and every function below functions"],
    ["narun up --http 0.0.0.0:80 --data-dir /var/lib/narun", "open to the network, data kept apart"],
    ["narun up --http 127.0.0.1:0 --metrics 127.0.0.1:0 --nats-port 0 --json", "for scripts: free ports"],
  ],
  async run({ dir: dirs }, context) {
    const { signal, stopped } = untilStopped();
    const { workers, listen, cluster, join } = context.options;
    const tenant = await tenantOf(context.options);
    const nodeArguments = flagArguments({ nodeName, hostLogin }, context.settings);
    const world = await resolveWorld(context, signal);
    const options = {
      ...world,
      ...{ workers, listen, join, tenant },
      cluster: cluster ?? (join && { host: listen, port: CLUSTER_PORT }),
      nodeArguments: [...world.nodeArguments, ...nodeArguments],
    };
    try {
      const folders = (await Promise.all(dirs.map((dir) => findFunctions(dir)))).flat();
      await runWorld(options, [...new Set(folders)], stopped);
    } catch (error) {
      // The user stopped the start: no error.
      if (!signal.aborted) throw error;
    }
  },
});

/** Error: USAGE, where the node would be one of the network itself, too. */
async function tenantOf({
  tenant: file,
  dataDir,
  cluster,
  join,
}: Values<typeof upOptions>): Promise<Tenant | undefined> {
  if (file === undefined && !hasTenant(dataDir)) return undefined;
  if (cluster !== undefined || join !== undefined)
    throw wrongUse(
      "a tenant uses the nats-servers of its network: --cluster and --join are for their operator",
    );
  return openTenant(dataDir, file);
}

async function runWorld(options: WorldOptions, folders: string[], stopped: Promise<void>): Promise<void> {
  const { output, signal } = options;
  // The compiler serves all builds, and its memory is free when they are done.
  const compiler = holdCompiler();
  const building = startBuilds(folders);
  const pushed = Promise.withResolvers<void>();
  const world = await startWorld({ ...options, firstPushes: pushed.promise });
  try {
    const builds = await building;
    const progress = output.progress("pushing the functions");
    const onPushed = (count: number) =>
      progress.update(`pushing the functions: ${count} of ${builds.length}`);
    const outcome = await pushAll(world.nats, builds, { signal, onPushed }).finally(() => {
      progress.end();
      compiler[Symbol.dispose]();
      pushed.resolve();
    });
    if (!signal.aborted) await showWorld(output, world, outcome);
    releaseMemory();
    boundYoungGeneration();
    await stopped;
  } finally {
    output.note("stopping: open requests are finished (a second Ctrl-C ends them at once) …");
    await world.close();
  }
}

async function showWorld(output: Output, world: World, { failures, warnings }: PushOutcome): Promise<void> {
  if (output.isJson) {
    const failed = failures.map(({ function: name, error }) => ({ function: name, ...failureOf(error) }));
    return output.json({ ...addressesOf(world), failed, warnings });
  }
  showAddresses(output, world);
  const rows = await listFunctions(world.nats);
  output.line();
  if (rows.length > 0) showFunctions(output, rows);
  else output.note("No functions yet. In another terminal: `narun init hello`, then `narun push hello`.");
  for (const { function: name, error } of failures) {
    output.error(`\n${output.colours.red("failed")}  ${name}: ${explainFailure(error)}`);
  }
  showWarnings(output, warnings);
  // A function with triggers may have no `fetch`.
  const callable =
    rows.find(({ name, url }) => name === "hello" && url !== null) ??
    rows.find(({ url, triggers }) => url !== null && triggers === undefined);
  if (callable !== undefined) output.line(`\nTry it:\n  curl ${callable.url}`);
  output.note(output.colours.dim("\nCtrl-C stops everything."));
}
