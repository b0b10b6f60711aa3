import { type CompatConfig, readGatewayConfig, startGateway } from "../../gateway/index.ts";
import { connectNats } from "../../nats/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { createLog, logConnection } from "../log.ts";
import { http, lameDuck, metrics, trustedProxies } from "../options/listen.ts";
import { logLevel } from "../options/log-level.ts";
import { resolveNats } from "../options/nats-access.ts";
import { type FileTexts, value } from "../options/option.ts";
import { shortPath } from "../options/short-path.ts";
import { untilStopped } from "../until-stopped.ts";
import { boundYoungGeneration } from "../young-generation.ts";

/** How long a stopped gateway may take to finish the requests that it has. */
const DRAIN_GRACE_MS = 30_000;

const config = value({
  flag: "--config <file>",
  help: "config.yaml of the original gateway: addresses and static routes",
  parse: ({ text }) => readGatewayConfig(text),
  texts: textsOf,
});

export const gatewayCommand = defineCommand({
  usage: "gateway",
  says: "run only a gateway",
  options: {
    config,
    http,
    metrics,
    trustedProxies,
    lameDuck: lameDuck("5s"),
    shortPath,
    logLevel: logLevel("info"),
  },
  examples: [
    ["narun gateway --nats nats://nats.internal --http 0.0.0.0:8080", "as many as you like"],
    ["narun gateway --config config.yaml", "with static routes"],
  ],
  async run(_args, { options, settings, output }) {
    const { config, http, metrics, shortPath, trustedProxies = [] } = options;
    const log = createLog(options.logLevel);
    const { stopped } = untilStopped();
    const nats = await connectNats({
      ...resolveNats(settings),
      name: "narun gateway",
      ...logConnection(log),
    });
    try {
      const gateway = await startGateway({
        nats,
        log,
        http,
        metrics,
        trustedProxies,
        shortPath,
        ...(config && { config }),
      });
      const { httpUrl, metricsUrl } = gateway;
      if (output.isJson) output.json({ http: httpUrl, metrics: metricsUrl ?? null, nats: nats.url });
      else output.line(`http     ${httpUrl}\nmetrics  ${metricsUrl}/metrics\nnats     ${nats.url}`);
      boundYoungGeneration();
      await stopped;
      await gateway.drain({ graceMs: DRAIN_GRACE_MS, lameDuckMs: options.lameDuck });
    } finally {
      await nats.close();
    }
  },
});

/** The options that a config.yaml sets. */
function textsOf(config: CompatConfig | undefined): FileTexts {
  return {
    nats: config?.nats_url,
    http: withHost(config?.server_addr),
    metrics: withHost(config?.metrics_addr),
    trustedProxies: config?.trusted_proxies?.join(","),
  };
}

/** The original's addresses may leave the host out (`:8080`, every interface). */
function withHost(address: string | undefined): string | undefined {
  return address?.startsWith(":") ? `0.0.0.0${address}` : address;
}
