import type { Command } from "commander";
import { type CompatConfig, readGatewayConfig, startGateway } from "../../gateway/index.ts";
import { connectNats } from "../../nats/index.ts";
import { addExamples } from "../examples.ts";
import { createLog, logConnection } from "../log.ts";
import { resolveNats } from "../nats-login.ts";
import { parseAddress, parseDuration, resolveTrustedProxies } from "../option-values.ts";
import { createOutput } from "../output/output.ts";
import type { CommonOptions } from "../session.ts";
import { untilStopped } from "../until-stopped.ts";
import { boundYoungGeneration } from "../young-generation.ts";

interface GatewayOptions extends CommonOptions {
  config?: string;
  http?: string;
  metrics?: string;
  trustedProxies?: string;
  lameDuck: string;
  logLevel?: string;
}

const DEFAULT_HTTP = "127.0.0.1:8080";
const DEFAULT_METRICS = "127.0.0.1:9090";
const DRAIN_GRACE_MS = 30_000;

export function addGatewayCommand(program: Command): void {
  const command = program
    .command("gateway")
    .description("run only a gateway")
    .option("--config <file>", "config.yaml of the original gateway: addresses and static routes")
    .option("--http <address>", `HOST:PORT for requests (default ${DEFAULT_HTTP})`)
    .option("--metrics <address>", `HOST:PORT for metrics (default ${DEFAULT_METRICS})`)
    .option(
      "--trusted-proxies <networks>",
      "addresses and networks (CIDR), commas between, of proxies whose X-Forwarded-* and Forwarded count (NARUN_TRUSTED_PROXIES)",
    )
    .option(
      "--lame-duck <duration>",
      "how long it goes on serving once it is stopped, so that proxies go elsewhere; no longer than connections are open",
      "5s",
    )
    .option("--log-level <level>", "debug, info, warn, error, silent (NARUN_LOG_LEVEL; default: info)")
    .action((_options: object, command: Command) => runGateway(command.optsWithGlobals<GatewayOptions>()));
  addExamples(command, [
    ["narun gateway --nats nats://nats.internal --http 0.0.0.0:8080", "as many as you like"],
    ["narun gateway --config config.yaml", "with static routes"],
  ]);
}

async function runGateway(options: GatewayOptions): Promise<void> {
  const output = createOutput(options);
  const log = createLog(options.logLevel, "info");
  const { stopped } = untilStopped();
  const config = options.config === undefined ? undefined : await readGatewayConfig(options.config);
  const addresses = resolveAddresses(options, config);
  const trustedProxies = resolveTrustedProxies(options.trustedProxies);
  const lameDuckMs = parseDuration(options.lameDuck, "--lame-duck");
  const nats = await connectNats({
    ...resolveNats(options, config?.nats_url),
    name: "narun gateway",
    ...logConnection(log),
  });
  try {
    const gateway = await startGateway({
      nats,
      log,
      ...addresses,
      ...(config && { config }),
      ...(trustedProxies && { trustedProxies }),
    });
    const { httpUrl: http, metricsUrl: metrics } = gateway;
    if (output.isJson) output.json({ http, metrics: metrics ?? null, nats: nats.url });
    else output.line(`http     ${http}\nmetrics  ${metrics}/metrics\nnats     ${nats.url}`);
    boundYoungGeneration();
    await stopped;
    await gateway.drain({ graceMs: DRAIN_GRACE_MS, lameDuckMs });
  } finally {
    await nats.close();
  }
}

function resolveAddresses({ http, metrics }: GatewayOptions, config: CompatConfig | undefined) {
  return {
    http: parseAddress(http ?? withHost(config?.server_addr) ?? DEFAULT_HTTP, "--http"),
    metrics: parseAddress(metrics ?? withHost(config?.metrics_addr) ?? DEFAULT_METRICS, "--metrics"),
  };
}

/** The original's addresses may leave the host out (`:8080`, every interface). */
function withHost(address: string | undefined): string | undefined {
  return address?.startsWith(":") ? `0.0.0.0${address}` : address;
}
