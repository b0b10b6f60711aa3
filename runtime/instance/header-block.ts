/**
 * The header fields of an isolate: one string, `name\nvalue\n…` (web/host/boundary.ts). It is a field list with line feeds
 * between, which neither a name nor a value can contain.
 */
import { COOKIE_SEPARATOR, type FieldList } from "../../contracts/index.ts";
import { isHost } from "./request-url.ts";

/** An incomplete field at the end, as user code may have posted it, is left out by the readers of field lists. */
export function fieldsOfBlock(block: string): FieldList {
  return block.split("\n");
}

export function blockOfFields(fields: FieldList): string {
  return fields.length === 0 ? "" : `${fields.join("\n")}\n`;
}

/** The fields of a block in pairs: the lines of `Cookie` are one, as servers expect it (RFC 9113, section 8.2.3). */
export function fieldsToSend(block: string): [name: string, value: string][] {
  const list = fieldsOfBlock(block);
  const fields: [string, string][] = [];
  let cookie: [string, string] | undefined;
  for (let at = 0; at + 1 < list.length; at += 2) {
    const field: [string, string] = [list[at] ?? "", list[at + 1] ?? ""];
    const isCookie = field[0].toLowerCase() === "cookie";
    if (isCookie && cookie !== undefined) cookie[1] += COOKIE_SEPARATOR + field[1];
    else {
      fields.push(field);
      if (isCookie) cookie = field;
    }
  }
  return fields;
}

/** The fields of a request that its carrier has by other means: its host, and a hop-by-hop field that handlers look at all the same. */
export function blockOfRequest(block: string, host: string, isUpgrade: boolean): string {
  const withHost = isHost(host) ? `${block}host\n${host}\n` : block;
  return isUpgrade ? `${withHost}upgrade\nwebsocket\n` : withHost;
}
