import os from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { NAME_PATTERN, NarunError } from "../../contracts/index.ts";
import { connectNats, followLogin } from "../../nats/index.ts";
import { userCacheDir } from "../../nats-server/index.ts";
import { prepareIsolates, startNodeRunner } from "../../runtime/index.ts";
import { addExamples } from "../examples.ts";
import { createLog, logConnection } from "../log.ts";
import { resolveNats } from "../nats-login.ts";
import { addNodeBounds, type NodeBoundsFlags, resolveNodeBounds } from "../node-bounds.ts";
import { collect, parseAddress, parsePairs, resolveEgressDeny } from "../option-values.ts";
import { createOutput } from "../output.ts";
import { resolveSecretsKey } from "../secrets-key.ts";
import type { CommonOptions } from "../session.ts";
import { untilStopped } from "../until-stopped.ts";
import { version } from "../version.ts";

interface NodeOptions extends CommonOptions, NodeBoundsFlags {
  name?: string;
  cacheDir?: string;
  secretsKey?: string;
  label?: string[];
  egressDeny?: string[];
  inspect?: string;
  inspectFolder?: string[];
  closeReplacedSockets?: boolean;
  logLevel?: string;
}

export function addNodeCommand(program: Command): void {
  const command = addNodeBounds(program.command("node"))
    .description("run only a node-runner")
    .option("--name <name>", "the node's name, unique in the system (default: this machine's)")
    .option("--label <key=value>", "a label; may be given more than once", collect)
    .option(
      "--egress-deny <rule>",
      "an address, network or name that no function may reach; may be given more than once (NARUN_EGRESS_DENY)",
      collect,
    )
    .option("--cache-dir <dir>", "where bundles are kept (default: the user's cache folder)")
    .option("--secrets-key <file>", "the key of secrets, in a file (NARUN_SECRETS_KEY: the key itself)")
    .option("--log-level <level>", "debug, info, warn, error, silent (NARUN_LOG_LEVEL; default: info)")
    // For `narun dev`, which starts its node so.
    .addOption(new Option("--close-replaced-sockets").hideHelp())
    .addOption(new Option("--inspect <address>").hideHelp())
    .addOption(new Option("--inspect-folder <name=dir>").argParser(collect).hideHelp())
    .action((_options: object, command: Command) => runNode(command.optsWithGlobals<NodeOptions>()));
  addExamples(command, [
    ["narun node --nats nats://nats.internal --name n1 --label zone=a", "one for each machine"],
    ["narun node --ceiling memoryMb=256 --ceiling cpuMs=5000", "no function gets more, whatever its limits"],
  ]);
}

async function runNode(options: NodeOptions): Promise<void> {
  const output = createOutput(options);
  const log = createLog(options.logLevel, "info");
  const node = resolveName(options.name);
  const labels = parsePairs(options.label ?? [], "--label");
  const egressDeny = resolveEgressDeny(options.egressDeny ?? []);
  const secretsKey = await resolveSecretsKey({ file: options.secretsKey });
  const { stopped } = untilStopped();
  const access = resolveNats(options);
  const bounds = resolveNodeBounds(options);
  const cacheDir = options.cacheDir ?? join(userCacheDir(), "node");
  const connecting = connectNats({ ...access, name: "narun node", ...logConnection(log) });
  try {
    const [nats, isolates] = await Promise.all([
      connecting,
      prepareIsolates({ ...bounds, cacheDir, inspect: resolveInspect(options) }),
    ]);
    const runner = await startNodeRunner({
      nats,
      hostNats: { url: access.url ?? nats.url, login: followLogin(access.login) },
      hosts: { isolate: isolates.startHost },
      node,
      version,
      cacheDir,
      labels,
      secretsKey,
      egressDeny,
      ceiling: bounds.ceiling,
      closesReplacedSockets: options.closeReplacedSockets ?? false,
      log,
    });
    // `narun up` waits for this message of its node, and ends it by closing the channel.
    process.send?.({ ready: true, node, inspect: isolates.inspectAddress });
    if (output.isJson) output.json({ node, nats: nats.url });
    else if (process.send === undefined) output.line(`node     ${node}\nnats     ${nats.url}`);
    const disconnected = new Promise<void>((resolve) => process.on("disconnect", resolve));
    const error = await Promise.race([stopped, disconnected, runner.taken]);
    await runner.drain();
    await isolates.close();
    if (error !== undefined) throw error;
  } finally {
    await (await connecting).close();
  }
}

/** The address for debuggers, where `narun dev` gives one. */
function resolveInspect({ inspect, inspectFolder = [] }: NodeOptions) {
  if (inspect === undefined) return undefined;
  const folders = new Map(Object.entries(parsePairs(inspectFolder, "--inspect-folder")));
  return { ...parseAddress(inspect, "--inspect"), folders };
}

function resolveName(name: string | undefined): string {
  const resolved =
    name ??
    os
      .hostname()
      .replace(/[^A-Za-z0-9_-]/g, "-")
      .slice(0, 63);
  if (NAME_PATTERN.test(resolved)) return resolved;
  throw new NarunError("USAGE", {
    detail: `--name takes 1 to 63 characters out of A-Z, a-z, 0-9, _ and -, not ${JSON.stringify(resolved)}`,
  });
}
