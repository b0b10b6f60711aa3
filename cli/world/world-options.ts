import type { CommandContext } from "../command/define-command.ts";
import { createLog } from "../log.ts";
import {
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
import { isLoopback } from "../options/network.ts";
import { egressDeny, nodeBounds } from "../options/node.ts";
import { replicas } from "../options/replicas.ts";
import { flagArguments } from "../options/resolve.ts";
import { checkRuntara, runtaraOptions } from "../options/runtara.ts";
import { shortPath } from "../options/short-path.ts";
import {
  dataDir,
  keysDir,
  keysPassphrase,
  natsPort,
  natsServer,
  secretsKeyVariable,
} from "../options/storage.ts";
import { traceFlags, traceOptions, tracesOf } from "../options/traces.ts";
import type { Output } from "../output/output.ts";
import type { World, WorldOptions } from "./world.ts";

/** The options of `narun up` and `narun dev`. */
export const worldOptions = {
  ...nodeBounds,
  http,
  httpMaxAge,
  grpc,
  grpcCert,
  grpcKey,
  grpcMaxAge,
  metrics,
  openApi,
  mcp,
  natsPort,
  egressDeny,
  trustedProxies,
  lameDuck: lameDuck("0s"),
  shortPath,
  copies: replicas,
  ...traceOptions,
  ...runtaraOptions,
  dataDir,
  logLevel: logLevel("warn"),
  natsServer,
  secretsKeyVariable,
  keysDir,
  keysPassphrase,
};

/** Error: USAGE. */
export async function resolveWorld(
  { options, settings, environment, output }: CommandContext<typeof worldOptions>,
  signal: AbortSignal,
): Promise<WorldOptions> {
  const { url, login, transport, copies } = resolveNats(settings);
  checkRuntara(options);
  return {
    ...options,
    ...(url === undefined ? {} : { external: { url, login } }),
    transport,
    copies,
    grpc: grpcAddress(options.grpc, options.http),
    grpcTls: await readGrpcTls(options.grpcCert, options.grpcKey),
    httpMaxAgeMs: options.httpMaxAge,
    grpcMaxAgeMs: options.grpcMaxAge,
    interfaces: { openApi: options.openApi, mcp: options.mcp },
    lameDuckMs: options.lameDuck,
    traces: tracesOf(options),
    trustedProxies: options.trustedProxies ?? [],
    hasOwnKey: options.secretsKeyVariable === undefined,
    gatewayArguments: flagArguments(
      { openApi, mcp, httpMaxAge, grpcCert, grpcKey, grpcMaxAge, copies: replicas, ...traceFlags },
      settings,
    ),
    // The node reads the variables itself.
    nodeArguments: flagArguments(
      { ...nodeBounds, egressDeny, shortPath, copies: replicas, ...traceFlags, ...runtaraOptions },
      settings,
    ),
    environment,
    output,
    log: createLog(options.logLevel),
    signal,
  };
}

/** The addresses of a world, as `--json` gives them. */
export function addressesOf(world: World) {
  return {
    http: world.gateway.httpUrl,
    grpc: world.gateway.grpcAddress ?? null,
    metrics: world.gateway.metricsUrl ?? null,
    nats: world.natsUrl,
    ...(world.inspectAddress === undefined ? {} : { inspect: world.inspectAddress }),
    ...world.runtara,
  };
}

/** The doors that other machines reach, and whom they take. */
function openTo({ gateway, natsUrl, login }: World): string[] {
  const doors = [
    ["http (everyone)", gateway.httpUrl],
    ["grpc (everyone)", gateway.grpcAddress && `tcp://${gateway.grpcAddress}`],
    ["metrics (everyone)", gateway.metricsUrl],
    [login === undefined ? "nats (as its server says)" : "nats (logins, over TLS)", natsUrl.split(",")[0]],
  ] as const;
  return doors.flatMap(([name, url]) =>
    url === undefined || isLoopback(new URL(url).hostname) ? [] : [name],
  );
}

export function showAddresses(output: Output, world: World): void {
  const { dim } = output.colours;
  output.line(`${dim("http   ")}  ${world.gateway.httpUrl}`);
  output.line(`${dim("grpc   ")}  ${world.gateway.grpcAddress}`);
  output.line(`${dim("metrics")}  ${world.gateway.metricsUrl}/metrics`);
  output.line(`${dim("nats   ")}  ${world.natsUrl}`);
  const { login } = world;
  const open = openTo(world);
  if (open.length > 0) output.line(`${dim("open   ")}  other machines reach ${open.join(", ")}`);
  if (login !== undefined) output.line(`${dim("login  ")}  --creds ${login.creds} --tls-ca ${login.ca}`);
  for (const address of Object.values(world.runtara)) output.line(`${dim("runtara")}  ${address}`);
  if (world.inspectAddress !== undefined)
    output.line(`${dim("inspect")}  http://${world.inspectAddress}/json/list`);
}
