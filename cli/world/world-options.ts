import type { Command } from "commander";
import { NarunError } from "../../contracts/index.ts";
import { createOutput } from "../output.ts";
import { type CommonOptions, createLog, parseAddress, resolveNats } from "../session.ts";
import type { WorldOptions } from "./world.ts";

interface WorldFlags extends CommonOptions {
  http: string;
  grpc: string;
  metrics: string;
  natsPort: string;
  dataDir: string;
  logLevel?: string;
}

/** The options that `narun up` and `narun dev` share. */
export function addWorldOptions(command: Command): Command {
  return command
    .option("--http <address>", "HOST:PORT for requests; port 0 picks a free one", "127.0.0.1:8080")
    .option(
      "--grpc <address>",
      "HOST:PORT for gRPC; this version serves none and leaves it alone",
      "127.0.0.1:8081",
    )
    .option("--metrics <address>", "HOST:PORT for metrics", "127.0.0.1:9090")
    .option("--nats-port <port>", "port of the embedded nats-server", "4222")
    .option("--data-dir <dir>", "where everything is kept", ".narun/data")
    .option("--log-level <level>", "of what the parts say of themselves: default warn (NARUN_LOG_LEVEL)");
}

export function resolveWorld(command: Command, signal: AbortSignal): WorldOptions {
  const flags = command.optsWithGlobals<WorldFlags>();
  const { url, credsFile } = resolveNats(flags);
  const natsPort = Number(flags.natsPort);
  if (!Number.isInteger(natsPort) || natsPort < 0 || natsPort > 65_535) {
    throw new NarunError("USAGE", {
      detail: `--nats-port takes a number up to 65535, not ${JSON.stringify(flags.natsPort)}`,
    });
  }
  parseAddress(flags.grpc, "--grpc");
  return {
    http: parseAddress(flags.http, "--http"),
    metrics: parseAddress(flags.metrics, "--metrics"),
    ...(url === undefined ? {} : { external: { url, ...(credsFile === undefined ? {} : { credsFile }) } }),
    natsPort,
    dataDir: flags.dataDir,
    output: createOutput(flags),
    log: createLog(flags.logLevel, "warn"),
    signal,
  };
}

/** The addresses of a world, as `--json` gives them. */
export function addressesOf(world: {
  gateway: { httpUrl: string; metricsUrl: string | undefined };
  natsUrl: string;
}) {
  return {
    http: world.gateway.httpUrl,
    grpc: null,
    metrics: world.gateway.metricsUrl ?? null,
    nats: world.natsUrl,
  };
}
