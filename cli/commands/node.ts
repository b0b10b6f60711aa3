import { join } from "node:path";
import type { Mode } from "../../contracts/index.ts";
import { makeFolders, releaseMemory, unusableFolder } from "../../machine/index.ts";
import { connectNats, followLogin } from "../../nats/index.ts";
import { userCacheDir } from "../../nats-server/index.ts";
import { prepareExec, prepareIsolates, prepareNodeMode, startNodeRunner } from "../../runtime/index.ts";
import { createTriggers } from "../../triggers/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { createLog, logConnection } from "../log.ts";
import { followHostsKey } from "../network/hosts-key.ts";
import { logLevel } from "../options/log-level.ts";
import { resolveNats } from "../options/nats-access.ts";
import {
  devNode,
  egressDeny,
  hostLogins,
  label,
  machineName,
  nodeBounds,
  nodeMetrics,
  nodeName,
} from "../options/node.ts";
import { replicas } from "../options/replicas.ts";
import { checkRuntara, runtaraOptions } from "../options/runtara.ts";
import { shortPath } from "../options/short-path.ts";
import { cacheDir, keysDir, keysPassphrase, secretsKey } from "../options/storage.ts";
import { traceOptions, tracesFrom } from "../options/traces.ts";
import { hasParent, tellParent, untilOrphaned } from "../parent-channel.ts";
import type { RuntaraDoors, RuntaraDoorsOptions } from "../runtara-doors.ts";
import { followSecretsKey } from "../secrets-key.ts";
import { untilStopped } from "../until-stopped.ts";
import { version } from "../version.ts";
import type { RuntaraAddresses } from "../world/runtara-addresses.ts";
import { workflowKind } from "../world/workflow-kind.ts";

/** How long after its start a node-runner has heard the other nodes, and looked at every function again. */
const SETTLED_MS = 2_000;

const nodeOptions = {
  ...nodeBounds,
  nodeName,
  label,
  egressDeny,
  cacheDir,
  secretsKey,
  keysDir,
  keysPassphrase,
  ...hostLogins,
  shortPath,
  copies: replicas,
  ...traceOptions,
  nodeMetrics,
  ...runtaraOptions,
  logLevel: logLevel("info"),
  ...devNode,
};

/** How long a trigger's handler may go on when its node ends. Shorter than the node's drain. */
const TRIGGER_GRACE_MS = 25_000;

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
  checkRuntara(options);
  const log = createLog(options.logLevel);
  const node = options.nodeName ?? machineName();
  const secrets = await followSecretsKey(options.secretsKey);
  const { stopped } = untilStopped();
  const access = resolveNats(settings);
  const cacheDir = options.cacheDir ?? join(userCacheDir(environment), "node");
  await makeFolders(cacheDir).catch((error: unknown) => {
    throw unusableFolder(cacheDir, error);
  });
  const traces = await tracesFrom(options, { "service.instance.id": node }, log);
  const connecting = connectNats({ ...access, name: "narun node", ...logConnection(log) });
  try {
    const [nats, modes] = await Promise.all([connecting, prepareModes(context, cacheDir)]);
    const parts = { nats, node, secretsKey: secrets, egressDeny: options.egressDeny, log };
    const triggers = createTriggers({ ...parts, traces, kinds: [workflowKind] });
    const runner = await startNodeRunner({
      ...parts,
      hostNats: {
        ...{ url: access.url ?? nats.url, copies: access.copies },
        login: followLogin(access.login),
      },
      hostsKey: followHostsKey(options.hostsKey),
      hostLoginMs: options.hostLogin,
      hosts: modes.hosts,
      onExpected: modes.onExpected,
      version,
      cacheDir,
      ...(options.keysDir !== undefined && {
        keys: { path: options.keysDir, passphrase: options.keysPassphrase },
      }),
      labels: options.label,
      ceiling: options.ceiling,
      closesReplacedSockets: options.closeReplacedSockets,
      spans: traces,
      metrics: options.nodeMetrics,
      ...triggers.hooks,
    });
    const runtara = await openRuntara(context, { nats, node, exec: modes.exec, log });
    // `narun up` waits for this message of its node, and ends it by closing the channel.
    const { metricsUrl: metrics } = runner;
    const doors = runtara?.addresses;
    tellParent({ ready: true, node, inspect: modes.inspectAddress, metrics, runtara: doors });
    if (output.isJson) output.json({ node, nats: nats.url, metrics, ...doors });
    else if (!hasParent()) output.line(addressLines({ node, nats: nats.url, metrics }, doors));
    setTimeout(releaseMemory, SETTLED_MS).unref();
    const error = await Promise.race([stopped, untilOrphaned(), runner.taken]);
    // Handlers of triggers finish while their instances drain.
    const grace = { graceMs: TRIGGER_GRACE_MS };
    await Promise.all([triggers.drain(grace), runner.drain(), runtara?.close()]);
    await triggers.close(grace);
    await modes.close();
    await traces?.close();
    if (error !== undefined) throw error;
  } finally {
    await (await connecting).close();
  }
}

/** The hosts that run the code of each mode. */
async function prepareModes(context: CommandContext<typeof nodeOptions>, cacheDir: string) {
  const { options, environment } = context;
  const { ceiling, sandbox, hostMemoryMb, inspect, inspectFolder } = options;
  const folders = new Map(Object.entries(inspectFolder));
  const common = { ceiling, sandbox, searchPath: environment.PATH, cacheDir };
  const sockets = { shortPath: options.shortPath === "auto" };
  const nodeMode = prepareNodeMode({ ...common, ...sockets });
  const [isolates, exec] = await Promise.all([
    prepareIsolates({
      ...common,
      ...sockets,
      ...(hostMemoryMb === undefined ? {} : { hostMemoryMb }),
      inspect: inspect && { ...inspect, folders },
    }),
    prepareExec({ cacheDir, searchPath: environment.PATH }),
  ]);
  return {
    hosts: {
      isolate: isolates.startHost,
      exec: exec.startHost,
      ...(canConfineThreads ? { node: nodeMode.startHost } : {}),
    },
    exec,
    inspectAddress: isolates.inspectAddress,
    onExpected(mode: Mode) {
      if (mode === "node" && canConfineThreads) nodeMode.warmUp();
    },
    close: () => Promise.all([isolates.close(), nodeMode.close(), exec.close()]),
  };
}

/** The part is loaded only here: a node without the option holds nothing of it. */
async function openRuntara(
  { options, environment }: CommandContext<typeof nodeOptions>,
  parts: Pick<RuntaraDoorsOptions, "nats" | "node" | "exec" | "log">,
): Promise<RuntaraDoors | undefined> {
  const { runtaraHttp: http, runtaraQuic: quic, runtaraQuicEnvironment: quicEnvironment } = options;
  if (http === undefined && quic === undefined && quicEnvironment === undefined) return undefined;
  const bounds = {
    isOpen: options.runtaraOpen,
    retentionMs: options.runtaraRetention,
    maxPrograms: options.runtaraPrograms,
    sleepThresholdMs: options.runtaraHold,
  };
  const { openRuntaraDoors } = await import("../runtara-doors.ts");
  const deno = {
    given: options.deno,
    cacheDir: options.cacheDir ?? userCacheDir(environment),
    searchPath: environment.PATH ?? "",
  };
  return openRuntaraDoors({ ...parts, http, quic, quicEnvironment, deno, ...bounds });
}

function addressLines(addresses: Record<string, string | undefined>, doors: RuntaraAddresses = {}): string {
  const all = [
    ...Object.entries(addresses),
    ...Object.values(doors).map((door) => ["runtara", door] as const),
  ];
  const given = all.filter(([, address]) => address !== undefined);
  return given.map(([name, address]) => `${name.padEnd(7)}  ${address}`).join("\n");
}
