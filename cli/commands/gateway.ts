import type { Command } from "commander";
import { readGatewayConfig, startGateway } from "../../gateway/index.ts";
import { connectNats } from "../../nats/index.ts";
import { createOutput } from "../output.ts";
import { type CommonOptions, createLog, parseAddress, resolveNats, untilStopped } from "../session.ts";

interface GatewayOptions extends CommonOptions {
  config?: string;
  http?: string;
  metrics?: string;
  logLevel?: string;
}

const DEFAULT_HTTP = "127.0.0.1:8080";
const DEFAULT_METRICS = "127.0.0.1:9090";
const DRAIN_GRACE_MS = 30_000;

export function addGatewayCommand(program: Command): void {
  program
    .command("gateway")
    .description("run only a gateway")
    .option("--config <file>", "config.yaml of the original gateway: addresses and static routes")
    .option("--http <address>", `HOST:PORT for requests (default ${DEFAULT_HTTP})`)
    .option("--metrics <address>", `HOST:PORT for metrics (default ${DEFAULT_METRICS})`)
    .option("--log-level <level>", "default info (NARUN_LOG_LEVEL)")
    .action(async (_options: object, command: Command) => {
      const options = command.optsWithGlobals<GatewayOptions>();
      const output = createOutput(options);
      const log = createLog(options.logLevel, "info");
      const { stopped } = untilStopped();
      const config = options.config === undefined ? undefined : await readGatewayConfig(options.config);
      const nats = await connectNats({
        ...(config?.nats_url === undefined ? {} : { url: config.nats_url }),
        ...resolveNats(options),
        name: "narun gateway",
      });
      const gateway = await startGateway({
        nats,
        log,
        http: parseAddress(options.http ?? withHost(config?.server_addr) ?? DEFAULT_HTTP, "--http"),
        metrics: parseAddress(
          options.metrics ?? withHost(config?.metrics_addr) ?? DEFAULT_METRICS,
          "--metrics",
        ),
        ...(config === undefined ? {} : { config }),
      });
      if (output.isJson)
        output.json({ http: gateway.httpUrl, metrics: gateway.metricsUrl ?? null, nats: nats.url });
      else output.line(`http     ${gateway.httpUrl}\nmetrics  ${gateway.metricsUrl}\nnats     ${nats.url}`);
      await stopped;
      await gateway.drain({ graceMs: DRAIN_GRACE_MS });
      await nats.close();
    });
}

/** The original's addresses may leave the host out (`:8080`, every interface). */
function withHost(address: string | undefined): string | undefined {
  return address?.startsWith(":") ? `0.0.0.0${address}` : address;
}
