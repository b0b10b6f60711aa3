import { join } from "node:path";
import { releaseMemory } from "../../machine/index.ts";
import { connectNats, followLogin } from "../../nats/index.ts";
import { userCacheDir } from "../../nats-server/index.ts";
import { prepareExec, prepareIsolates, prepareNodeMode, startNodeRunner } from "../../runtime/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { createLog, logConnection } from "../log.ts";
import { logLevel } from "../options/log-level.ts";
import { resolveNats } from "../options/nats-access.ts";
import {
  devNode,
  egressDeny,
  label,
  machineName,
  nodeBounds,
  nodeMetrics,
  nodeName,
} from "../options/node.ts";
import { shortPath } from "../options/short-path.ts";
import { cacheDir, secretsKey } from "../options/storage.ts";
import { traceOptions, tracesFrom } from "../options/traces.ts";
import { hasParent, tellParent, untilOrphaned } from "../parent-channel.ts";
import { followSecretsKey } from "../secrets-key.ts";
import { untilStopped } from "../until-stopped.ts";
import { version } from "../version.ts";

/** How long after its start a node-runner has heard the other nodes, and looked at every function again. */
const SETTLED_MS = 2_000;

const nodeOptions = {
  ...nodeBounds,
  nodeName,
  label,
  egressDeny,
  cacheDir,
  secretsKey,
  shortPath,
  ...traceOptions,
  nodeMetrics,
  logLevel: logLevel("info"),
  ...devNode,
};

/** The first version in which a thread can give up permissions (runtime/process/node/thread/main.ts). */
const NODE_OF_THREADS = 26;
const canConfineThreads = Number(process.versions.node.split(".")[0]) >= NODE_OF_THREADS;

export const nodeCommand = defineCommand({
  usage: "node",
  says: "run only a node-runner",
  options: nodeOptions,
  examples: [
    ["narun node --nats nats://nats.internal --name n1 --label zone=a", "one for each machine"],
    ["narun node --ceiling memoryMb=256 --ceiling cpuMs=5000", "no function gets more, whatever its limits"],
  ],
  run: (_args, context) => runNode(context),
});

async function runNode(context: CommandContext<typeof nodeOptions>): Promise<void> {
  const { options, settings, environment, output } = context;
  const log = createLog(options.logLevel);
  const node = options.nodeName ?? machineName();
  const secrets = await followSecretsKey(options.secretsKey);
  const { stopped } = untilStopped();
  const access = resolveNats(settings);
  const { ceiling, sandbox, hostMemoryMb, inspect, inspectFolder } = options;
  const cacheDir = options.cacheDir ?? join(userCacheDir(environment), "node");
  const folders = new Map(Object.entries(inspectFolder));
  const sockets = { shortPath: options.shortPath === "auto" };
  const nodeMode = prepareNodeMode({ ceiling, sandbox, searchPath: environment.PATH, cacheDir, ...sockets });
  const traces = await tracesFrom(options, { "service.instance.id": node }, log);
  const connecting = connectNats({ ...access, name: "narun node", ...logConnection(log) });
  try {
    const [nats, isolates, exec] = await Promise.all([
      connecting,
      prepareIsolates({
        ceiling,
        sandbox,
        searchPath: environment.PATH,
        ...(hostMemoryMb === undefined ? {} : { hostMemoryMb }),
        cacheDir,
        inspect: inspect && { ...inspect, folders },
        ...sockets,
      }),
      prepareExec({ cacheDir, searchPath: environment.PATH }),
    ]);
    const runner = await startNodeRunner({
      nats,
      hostNats: { url: access.url ?? nats.url, login: followLogin(access.login) },
      hosts: {
        isolate: isolates.startHost,
        exec: exec.startHost,
        ...(canConfineThreads ? { node: nodeMode.startHost } : {}),
      },
      onExpected: (mode) => {
        if (mode === "node" && canConfineThreads) nodeMode.warmUp();
      },
      node,
      version,
      cacheDir,
      labels: options.label,
      secretsKey: secrets,
      egressDeny: options.egressDeny,
      ceiling,
      closesReplacedSockets: options.closeReplacedSockets,
      spans: traces,
      metrics: options.nodeMetrics,
      log,
    });
    // `narun up` waits for this message of its node, and ends it by closing the channel.
    const { metricsUrl: metrics } = runner;
    tellParent({ ready: true, node, inspect: isolates.inspectAddress, metrics });
    if (output.isJson) output.json({ node, nats: nats.url, metrics });
    else if (!hasParent()) output.line(`node     ${node}\nnats     ${nats.url}\nmetrics  ${metrics}`);
    setTimeout(releaseMemory, SETTLED_MS).unref();
    const error = await Promise.race([stopped, untilOrphaned(), runner.taken]);
    await runner.drain();
    await Promise.all([isolates.close(), nodeMode.close(), exec.close()]);
    await traces?.close();
    if (error !== undefined) throw error;
  } finally {
    await (await connecting).close();
  }
}
