import { isIP } from "node:net";
import { serveRegistry } from "../../control/index.ts";
import { type CompatConfig, type Gateway, readGatewayConfig, startGateway } from "../../gateway/index.ts";
import { type Address, claimShared, releaseMemory } from "../../machine/index.ts";
import { connectNats } from "../../nats/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { createLog, logConnection } from "../log.ts";
import {
  caddy,
  grpc,
  grpcAddress,
  grpcCert,
  grpcKey,
  grpcMaxAge,
  http,
  httpMaxAge,
  lameDuck,
  mcp,
  metrics,
  openApi,
  readGrpcTls,
  trustedProxies,
} from "../options/listen.ts";
import { logLevel } from "../options/log-level.ts";
import { resolveNats } from "../options/nats-access.ts";
import { type FileTexts, value } from "../options/option.ts";
import { replicas } from "../options/replicas.ts";
import { flagArguments } from "../options/resolve.ts";
import { shortPath } from "../options/short-path.ts";
import { traceFlags, traceOptions, tracesFrom } from "../options/traces.ts";
import { ofGateway, workers } from "../options/workers.ts";
import { tellParent, untilOrphaned } from "../parent-channel.ts";
import { untilStopped } from "../until-stopped.ts";
import { GatewayWorkers } from "../world/gateway-workers.ts";
import { boundYoungGeneration } from "../young-generation.ts";

/** How long a stopped gateway may take to finish the requests that it has. */
const DRAIN_GRACE_MS = 30_000;

const config = value({
  flag: "--config <file>",
  help: "config.yaml of the original gateway: addresses and static routes",
  parse: ({ text }) => readGatewayConfig(text),
  texts: textsOf,
});

const gatewayOptions = {
  config,
  http,
  httpMaxAge,
  grpc,
  grpcCert,
  grpcKey,
  grpcMaxAge,
  metrics,
  workers,
  trustedProxies,
  caddy,
  openApi,
  mcp,
  lameDuck: lameDuck("5s"),
  shortPath,
  copies: replicas,
  ...traceOptions,
  logLevel: logLevel("info"),
  ofGateway,
};

export const gatewayCommand = defineCommand({
  usage: "gateway",
  says: "run only a gateway",
  options: gatewayOptions,
  examples: [
    ["narun gateway --nats nats://nats.internal --http 0.0.0.0:8080", "as many as you like"],
    ["narun gateway --config config.yaml", "with static routes"],
    ["narun gateway --caddy http://127.0.0.1:2019", "the functions' hosts, by a Caddy that runs"],
  ],
  run: (_args, context) => runGateway(context),
});

async function runGateway(context: CommandContext<typeof gatewayOptions>): Promise<void> {
  const { options, settings, output } = context;
  const { http, metrics, ofGateway, shortPath, caddy, lameDuck: lameDuckMs } = options;
  const trustedProxies = [...(options.trustedProxies ?? []), ...addressesOf(caddy)];
  const log = createLog(options.logLevel);
  const { stopped } = untilStopped();
  const access = resolveNats(settings);
  const grpcTls = await readGrpcTls(options.grpcCert, options.grpcKey);
  const nats = await connectNats({ ...access, name: "narun gateway", ...logConnection(log) });
  const traces = await tracesFrom(options, {}, log);
  const further = ofGateway ? 0 : options.workers - 1;
  const claim = (address: Address, option: string) =>
    further > 0 ? claimShared(address, option) : { ...address, isShared: ofGateway };
  try {
    const address = await claim(http, "--http");
    const grpc = await claim(grpcAddress(options.grpc, http), "--grpc");
    const workers = new GatewayWorkers({
      ...{ count: further, http: address, grpc, natsUrl: access.url ?? nats.url, login: access.login },
      ...{ shortPath, trustedProxies, lameDuckMs, log },
      gatewayArguments: flagArguments(
        { openApi, mcp, config, httpMaxAge, grpcCert, grpcKey, grpcMaxAge, copies: replicas, ...traceFlags },
        settings,
      ),
      environment: context.environment,
    });
    const gateway = await startGateway({
      ...{ nats, log, http: address, grpc, trustedProxies, shortPath, traces },
      interfaces: { openApi: options.openApi, mcp: options.mcp },
      ...(grpcTls && { grpcTls }),
      httpMaxAgeMs: options.httpMaxAge,
      grpcKeepAlive: { maxAgeMs: options.grpcMaxAge },
      ...(ofGateway ? {} : { metrics, otherMetrics: () => workers.metrics() }),
      ...(options.config && { config: options.config }),
      ...(caddy && !ofGateway && { caddy }),
    });
    const registry = ofGateway ? undefined : await serveRegistry({ nats, log, specs: gateway.specs });
    const ended = ofGateway ? untilEnded(gateway) : stopped;
    await Promise.race([workers.start(), ended]);
    const { httpUrl, grpcAddress: grpcTarget = null, metricsUrl = null } = gateway;
    const { url } = nats;
    if (output.isJson) output.json({ http: httpUrl, grpc: grpcTarget, metrics: metricsUrl, nats: url });
    else
      output.line(
        `http     ${httpUrl}\ngrpc     ${grpcTarget}\nmetrics  ${metricsUrl}/metrics\nnats     ${url}`,
      );
    releaseMemory();
    boundYoungGeneration();
    await Promise.race([ended, stopped]);
    await Promise.all([
      gateway.drain({ graceMs: DRAIN_GRACE_MS, lameDuckMs }),
      workers.close(),
      registry?.close(),
    ]);
    await traces?.close();
  } finally {
    await nats.close();
  }
}

/** A Caddy whose admin API is on this machine sends its requests from here. */
function addressesOf(caddy: URL | undefined): string[] {
  if (caddy === undefined) return [];
  const host = caddy.hostname.replace(/^\[(.*)\]$/, "$1");
  if (host === "localhost" || host === "127.0.0.1" || host === "::1") return ["127.0.0.1", "::1"];
  return isIP(host) === 0 ? [] : [host];
}

/** Serves the gateway that started this process. Resolves when that one closes the channel. */
function untilEnded(gateway: Gateway): Promise<void> {
  process.on("message", async () => tellParent({ metrics: await gateway.metricValues() }));
  tellParent({ ready: true });
  return untilOrphaned();
}

/** The options that a config.yaml sets. */
function textsOf(config: CompatConfig | undefined): FileTexts {
  return {
    nats: config?.nats_url,
    nkey: config?.nkey_seed_file,
    http: withHost(config?.server_addr),
    grpc: withHost(config?.grpc_addr),
    metrics: withHost(config?.metrics_addr),
    trustedProxies: config?.trusted_proxies?.join(","),
  };
}

/** The original's addresses may leave the host out (`:8080`, every interface). */
function withHost(address: string | undefined): string | undefined {
  return address?.startsWith(":") ? `0.0.0.0${address}` : address;
}
