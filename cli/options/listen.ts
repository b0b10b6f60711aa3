/** Options of the gateway, alone or in a world. */
import { value } from "./option.ts";
import { parseAddress, parseDuration, parseHttpUrl, parseNetworks } from "./values.ts";

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

/** Accepted for the original toolkit's command lines; this version serves no gRPC. */
export const grpc = value({
  flag: "--grpc <address>",
  help: "HOST:PORT for gRPC",
  fallback: "127.0.0.1:8081",
  isHidden: true,
  parse: parseAddress,
});

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

export const lameDuck = (fallback: string) =>
  value({
    flag: "--lame-duck <duration>",
    help: "how long a stopped gateway still serves, so that proxies can go elsewhere; shorter where no connection is open",
    fallback,
    parse: parseDuration,
  });
