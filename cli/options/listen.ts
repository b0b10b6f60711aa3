/** Options of the gateway, alone or in a world. */
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { messageOf } from "../../contracts/index.ts";
import { asText, value } from "./option.ts";
import {
  type Address,
  oneOf,
  parseAddress,
  parseDuration,
  parseHttpUrl,
  parseNetworks,
  wrongUse,
} from "./values.ts";

export const http = value({
  flag: "--http <address>",
  help: "HOST:PORT for requests; port 0 picks a free one",
  fallback: "127.0.0.1:8080",
  parse: parseAddress,
});

export const metrics = value({
  flag: "--metrics <address>",
  help: "HOST:PORT for metrics and health",
  fallback: "127.0.0.1:9090",
  parse: parseAddress,
});

export const grpc = value({
  flag: "--grpc <address>",
  help: "HOST:PORT for gRPC; the default gives way to another program, and to port 0 of --http",
  fallback: "127.0.0.1:8081",
  parse: (given) => ({ ...parseAddress(given), isPreferred: given.source.kind === "default" }),
});

/** The address of gRPC. Its default follows `--http`: a script that asks for a free port there gets one here, too. */
export function grpcAddress(grpc: GrpcAddress, http: Address): GrpcAddress {
  return grpc.isPreferred && http.port === 0 ? { ...grpc, port: 0 } : grpc;
}

export interface GrpcAddress extends Address {
  /** It is the default: a free port does as well. */
  isPreferred: boolean;
}

/** The certificate and the key of gRPC. */
export const grpcCert = value({
  flag: "--grpc-cert <file>",
  help: "certificate of the gRPC address, PEM; with it and its key gRPC is served with TLS. Changed files are read again",
  fallbackHelp: "no TLS",
  parse: asText,
});

export const grpcKey = value({ flag: "--grpc-key <file>", help: "its key", parse: asText });

export const httpMaxAge = value({
  flag: "--http-max-age <duration>",
  help: "how old a connection of HTTP gets, about; its next answer closes it. 0s: no bound",
  fallback: "30m",
  parse: parseDuration,
});

export const grpcMaxAge = value({
  flag: "--grpc-max-age <duration>",
  help: "how old a connection of gRPC gets, about; its calls go on, the next ones open another. 0s: no bound",
  fallback: "30m",
  parse: parseDuration,
});

/** The contents of the files, and the files, which may change. */
export interface GrpcTls {
  cert: Buffer;
  key: Buffer;
  files: { cert: string; key: string };
}

/** Reads the files. Error: USAGE. */
export async function readGrpcTls(
  cert: string | undefined,
  key: string | undefined,
): Promise<GrpcTls | undefined> {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw wrongUse("--grpc-cert and --grpc-key need each other");
  const read = (option: string, path: string) =>
    readFile(path).catch((error: unknown) => {
      throw wrongUse(`${option}: ${messageOf(error)}`);
    });
  const pair = { cert: await read("--grpc-cert", cert), key: await read("--grpc-key", key) };
  try {
    createSecureContext(pair);
  } catch (error) {
    throw wrongUse(`--grpc-cert and --grpc-key are no certificate with its key, in PEM: ${messageOf(error)}`);
  }
  return { ...pair, files: { cert, key } };
}

export const trustedProxies = value({
  flag: "--trusted-proxies <networks>",
  variables: ["NARUN_TRUSTED_PROXIES"],
  help: "addresses and networks (CIDR), separated by commas, of proxies whose X-Forwarded-* and Forwarded count",
  fallbackHelp: "none",
  parse: parseNetworks,
});

export const caddy = value({
  flag: "--caddy <url>",
  variables: ["NARUN_CADDY"],
  help: "admin API of a running Caddy that serves the functions' `hosts`; it is kept in step",
  fallbackHelp: "none",
  parse: parseHttpUrl,
});

export const openApi = value({
  flag: "--openapi <access>",
  variables: ["NARUN_OPENAPI"],
  help: "who gets /openapi.json and the page /docs: `local` (programs and pages of this machine), `public` or `off`",
  fallback: "local",
  parse: oneOf(["local", "public", "off"] as const),
});

export const mcp = value({
  flag: "--mcp <access>",
  variables: ["NARUN_MCP"],
  help: "who may use /mcp: `local` (clients of this machine without a key, others with one), `keys` or `off`",
  fallback: "local",
  parse: oneOf(["local", "keys", "off"] as const),
});

export const lameDuck = (fallback: string) =>
  value({
    flag: "--lame-duck <duration>",
    help: "how long a stopped gateway still serves, so that proxies can go elsewhere; shorter where no connection is open",
    fallback,
    parse: parseDuration,
  });
