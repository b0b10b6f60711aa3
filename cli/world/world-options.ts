import { type Command, Option } from "commander";
import { createLog } from "../log.ts";
import { resolveNats } from "../nats-login.ts";
import {
  addNodeBounds,
  type NodeBoundsFlags,
  nodeBoundsArguments,
  resolveNodeBounds,
} from "../node-bounds.ts";
import {
  collect,
  parseAddress,
  parseDuration,
  parsePort,
  resolveEgressDeny,
  resolveTrustedProxies,
} from "../option-values.ts";
import { createOutput, type Output } from "../output/output.ts";
import type { CommonOptions } from "../session.ts";
import type { World, WorldOptions } from "./world.ts";

interface WorldFlags extends CommonOptions, NodeBoundsFlags {
  http: string;
  grpc: string;
  metrics: string;
  natsPort: string;
  dataDir: string;
  egressDeny?: string[];
  trustedProxies?: string;
  lameDuck: string;
  logLevel?: string;
}

/** The options that `narun up` and `narun dev` share. */
export function addWorldOptions(command: Command): Command {
  return (
    addNodeBounds(command)
      .option("--http <address>", "HOST:PORT for requests; port 0 picks a free one", "127.0.0.1:8080")
      // It is taken, as later versions serve it; this one does not.
      .addOption(new Option("--grpc <address>").default("127.0.0.1:8081").hideHelp())
      .option("--metrics <address>", "HOST:PORT for metrics", "127.0.0.1:9090")
      .option("--nats-port <port>", "port of the embedded nats-server", "4222")
      .option(
        "--egress-deny <rule>",
        "an address, network or name that no function may reach; may be given more than once (NARUN_EGRESS_DENY)",
        collect,
      )
      .option(
        "--trusted-proxies <networks>",
        "addresses and networks (CIDR), commas between, of proxies whose X-Forwarded-* and Forwarded count (NARUN_TRUSTED_PROXIES)",
      )
      .option(
        "--lame-duck <duration>",
        "how long the gateway goes on serving once it is stopped, where proxies have others to go to",
        "0s",
      )
      .option("--data-dir <dir>", "where everything is kept", ".narun/data")
      .option(
        "--log-level <level>",
        "what the parts log: debug, info, warn, error, silent (NARUN_LOG_LEVEL; default: warn)",
      )
  );
}

export function resolveWorld(command: Command, signal: AbortSignal): WorldOptions {
  const flags = command.optsWithGlobals<WorldFlags>();
  const { url, login } = resolveNats(flags);
  parseAddress(flags.grpc, "--grpc");
  resolveEgressDeny(flags.egressDeny ?? []);
  resolveNodeBounds(flags);
  return {
    http: parseAddress(flags.http, "--http"),
    metrics: parseAddress(flags.metrics, "--metrics"),
    ...(url === undefined ? {} : { external: { url, login } }),
    natsPort: parsePort(flags.natsPort, "--nats-port"),
    dataDir: flags.dataDir,
    egressDeny: flags.egressDeny ?? [],
    lameDuckMs: parseDuration(flags.lameDuck, "--lame-duck"),
    trustedProxies: resolveTrustedProxies(flags.trustedProxies) ?? [],
    nodeArguments: nodeBoundsArguments(flags),
    output: createOutput(flags),
    log: createLog(flags.logLevel, "warn"),
    signal,
  };
}

/** The addresses of a world, as `--json` gives them. */
export function addressesOf(world: World) {
  return {
    http: world.gateway.httpUrl,
    grpc: null,
    metrics: world.gateway.metricsUrl ?? null,
    nats: world.natsUrl,
    ...(world.inspectAddress === undefined ? {} : { inspect: world.inspectAddress }),
  };
}

export function showAddresses(output: Output, world: World): void {
  const { dim } = output.colours;
  output.line(`${dim("http   ")}  ${world.gateway.httpUrl}`);
  output.line(`${dim("metrics")}  ${world.gateway.metricsUrl}/metrics`);
  output.line(`${dim("nats   ")}  ${world.natsUrl}`);
  if (world.inspectAddress !== undefined)
    output.line(`${dim("inspect")}  http://${world.inspectAddress}/json/list`);
}
