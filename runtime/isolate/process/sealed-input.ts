/**
 * The sealed inputs of a service's actions, opened on their way into the isolate: the code that asks for one has it at once.
 *
 * I1  It spares a way, and decides nothing: a text that does not open here enters as it is, and is refused where the code asks.
 */
import type { Sealer } from "../../../keys/index.ts";
import { SEALED_TYPE } from "../../../web/index.ts";

/** The path of a call by an action's name (contracts/service-description.ts, D3). */
const BY_NAME = /\/\.narun\/action\/([A-Za-z_][A-Za-z0-9_]{0,63})(?:\?|$)/;

interface Incoming {
  url: string;
  headerBlock: string;
  body: unknown;
}

/** The opened text, with the label and the place that it was opened for. Undefined: the request has none. */
export function openInput(
  sealer: Pick<Sealer, "openNow">,
  service: string,
  { url, headerBlock, body }: Incoming,
): { label: string; place: string; text: string } | undefined {
  if (typeof body !== "string" || !headerBlock.includes(SEALED_TYPE)) return undefined;
  const action = BY_NAME.exec(url)?.[1];
  if (action === undefined) return undefined;
  const place = ["call", service, action, "request"] as const;
  const opened = sealer.openNow(body, place as never);
  return opened && { ...opened, place: JSON.stringify(place) };
}
