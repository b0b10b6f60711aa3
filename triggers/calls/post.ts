/**
 * Posts to an address that egress allows. The connection is made to an address that was checked: a name that has another
 * address a moment later changes nothing.
 */
import { lookup } from "node:dns";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { NarunError } from "../../contracts/index.ts";
import type { Egress } from "../../machine/index.ts";

export interface Post {
  url: URL;
  headers: Record<string, string>;
  body: string;
  timeoutMs: number;
}

/** The status of the answer. Redirects are not followed. Errors: EGRESS_REFUSED, and errors of the connection. */
export function post(egress: Egress, { url, headers, body, timeoutMs }: Post): Promise<number> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const target = { host, port: Number(url.port) || (url.protocol === "https:" ? 443 : 80) };
  const refusal = isIP(host) === 0 ? egress.refusalOfName(target) : egress.refusal(target, host);
  if (refusal !== undefined) return Promise.reject(refused(refusal));
  const checked: LookupFunction = (name, options, callback) => {
    lookup(name, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const refusals = found.map(({ address }) => egress.refusal(target, address));
      const allowed = found.filter((_, at) => refusals[at] === undefined);
      const [first] = allowed;
      if (first === undefined) callback(refused(refusals[0] ?? `${name} has no address`), []);
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    const sent = send(
      url,
      {
        method: "POST",
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
        lookup: checked,
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

function refused(detail: string): NarunError {
  return new NarunError("EGRESS_REFUSED", { detail });
}
