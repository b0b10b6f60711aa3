/**
 * The rights of MCP clients.
 *
 * I1  A client that is not of this machine needs a key, always.
 * I2  A key that is sent counts, and a wrong one is refused on this machine, too: its owner would not notice otherwise.
 * I3  Each request asks the store: a key that is removed opens nothing from then on. Where the store does not answer, no key counts.
 */
import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { nameOfToolKey } from "../../contracts/index.ts";
import { type Nats, openToolKeys } from "../../nats/index.ts";
import { isFromHere } from "./from-here.ts";

/** `local`: clients of this machine need no key. `keys`: all need one. `off`: there is no MCP. */
export type McpAccess = "local" | "keys" | "off";

/** A client that may call. `caller`: how the services see it. */
export interface ToolClient {
  caller: string;
  allow: readonly string[];
}

export interface ToolAccess {
  /** The client of a request; undefined where it may not call. */
  clientOf(incoming: IncomingMessage): Promise<ToolClient | undefined>;
}

export function createToolAccess(nats: Nats, access: McpAccess): ToolAccess {
  let opening: ReturnType<typeof openToolKeys> | undefined;
  const open = () => {
    opening ??= openToolKeys(nats).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  return {
    async clientOf(incoming) {
      const { authorization } = incoming.headers;
      if (authorization === undefined) return access === "local" && isFromHere(incoming) ? HERE : undefined;
      const [, key = ""] = /^Bearer ([\w.-]{1,200})$/i.exec(authorization) ?? [];
      const name = nameOfToolKey(key);
      const read = name === undefined ? undefined : await (await open()).get(name);
      if (read?.ok !== true) return undefined;
      const { sha256, allow, expiresAt } = read.value;
      const isSame = timingSafeEqual(Buffer.from(sha256, "hex"), hash("sha256", key, "buffer"));
      const isOver = expiresAt !== undefined && Date.parse(expiresAt) <= Date.now();
      return isSame && !isOver ? { caller: `mcp:${name}`, allow } : undefined;
    },
  };
}

const HERE: ToolClient = { caller: "mcp", allow: ["*"] };
