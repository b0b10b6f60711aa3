import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { CallbackSchema, METADATA_ADDRESSES, NarunError } from "../../contracts/index.ts";
import { createEgress } from "../../machine/index.ts";

/**
 * Checks the address of a callback before its call is accepted. The node that posts the result checks the address that it
 * connects to. Error: CALLBACK_REFUSED.
 */
export async function checkCallback(text: string, allow: readonly string[]): Promise<void> {
  if (!CallbackSchema.safeParse(text).success) throw refused("it is no URL of http or https");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") throw refused("it has a login, which would be stored");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const target = { host, port: Number(url.port) || (url.protocol === "https:" ? 443 : 80) };
  const egress = createEgress({ allow, deny: METADATA_ADDRESSES });
  const denied = egress.refusalOfName(target);
  if (denied !== undefined) throw refused(denied);
  const addresses = isIP(host) === 0 ? await addressesOf(host) : [host];
  const refusals = addresses.map((address) => egress.refusal(target, address));
  if (refusals.every((refusal) => refusal !== undefined))
    throw refused(refusals[0] ?? `${host} has no address`);
}

async function addressesOf(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch {
    throw refused(`${name} cannot be looked up`);
  }
}

function refused(detail: string): NarunError {
  return new NarunError("CALLBACK_REFUSED", { detail });
}
