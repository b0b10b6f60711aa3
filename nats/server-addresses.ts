import { NarunError } from "../contracts/index.ts";
import type { NatsLogin } from "./login/login.ts";

/** The servers that an address names, and the login that it carries. */
export interface ServerAddresses {
  /** The address without the login, to pass on and to show. */
  url: string;
  /** `HOST:PORT` of each. */
  servers: string[];
  /** Whether only TLS will do (`tls://`). */
  isTls: boolean;
  login: NatsLogin;
}

// A login ends at the last @: passwords are often written with characters that would have to be escaped.
const ADDRESS = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(?:(.*)@)?([^@/?#\s]+)\/?$/i;

/**
 * Reads one address or several, comma-separated: `nats://HOST:PORT`, `tls://…`, `USER:PASSWORD@HOST`, `TOKEN@HOST`.
 * The first login counts for all servers. Error: USAGE, without text that may be a password.
 */
export function parseServers(text: string): ServerAddresses {
  let isTls = false;
  let login: NatsLogin | undefined;
  const shown: string[] = [];
  const servers: string[] = [];
  for (const part of text.split(",")) {
    const [, scheme = "nats", userinfo, host] = ADDRESS.exec(part.trim()) ?? [];
    if (host === undefined || !isHost(host)) throw notAnAddress();
    if (!/^(nats|tls)$/i.test(scheme))
      throw new NarunError("USAGE", {
        detail: `an address of NATS begins with nats:// or tls://, not ${scheme}://`,
      });
    isTls ||= scheme.toLowerCase() === "tls";
    login ??= userinfo === undefined ? undefined : loginOf(userinfo);
    servers.push(host);
    shown.push(`${scheme.toLowerCase()}://${host}`);
  }
  return { url: shown.join(","), servers, isTls, login: login ?? {} };
}

/** In an order of chance, so that many clients do not go to one server. */
export function shuffled(addresses: readonly string[]): string[] {
  return addresses
    .map((address) => ({ address, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ address }) => address);
}

function isHost(host: string): boolean {
  if (/^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f.]*$/i.test(host)) return true;
  const port = /^(?:\[[0-9a-f:.%]+\]|[^:[\]]+)(?::(\d{1,5}))?$/i.exec(host);
  return port !== null && Number(port[1] ?? 1) <= 65_535;
}

function notAnAddress(): NarunError {
  return new NarunError("USAGE", {
    detail:
      "the address of NATS is none: nats://HOST:PORT, or nats://USER:PASSWORD@HOST:PORT with a comma in it as %2C",
  });
}

function loginOf(userinfo: string): NatsLogin {
  const at = userinfo.indexOf(":");
  if (at < 0) return { token: unescapeAll(userinfo) };
  return { user: unescapeAll(userinfo.slice(0, at)), password: unescapeAll(userinfo.slice(at + 1)) };
}

/** A percent sign that escapes nothing stands for itself. */
function unescapeAll(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
