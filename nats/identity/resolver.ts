/** The accounts that the servers of a network know: each server keeps their claims and hands newer ones on to the others. */
import { NarunError } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { claimsIn } from "./claims.ts";

const ANSWER_MS = 5_000;

/** When the claims of an account that a server has were made, in seconds. Undefined: it has none. */
export async function claimsTime(system: Nats, account: string): Promise<number | undefined> {
  const reply = await system.request(`$SYS.REQ.ACCOUNT.${account}.CLAIMS.LOOKUP`, "", {
    timeoutMs: ANSWER_MS,
  });
  return claimsIn(reply.text())?.iat;
}

/** Gives the servers the claims of an account. Users that they no longer let in lose their connections. Error: NATS_SERVER_FAILED. */
export async function pushClaims(system: Nats, jwt: string): Promise<void> {
  const reply = await system.request("$SYS.REQ.CLAIMS.UPDATE", jwt, { timeoutMs: ANSWER_MS });
  const { data, error } = JSON.parse(reply.text()) as {
    data?: { code?: number };
    error?: { description?: string };
  };
  if (data?.code === 200) return;
  throw new NarunError("NATS_SERVER_FAILED", {
    detail: `it does not take the claims of an account: ${error?.description ?? reply.text()}`,
  });
}
