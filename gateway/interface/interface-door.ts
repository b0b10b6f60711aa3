/**
 * The paths that the gateway itself answers where no route takes them: the description of the services, a page to try them, and
 * the tools of MCP.
 * No route that is a prefix of them may match.
 */
import type { FunctionSpec } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import { type GatewayResponse, problemResponse } from "../http/gateway-response.ts";
import type { AskedRequest, OwnPaths } from "../http/own-paths.ts";
import type { ServeOptions } from "../http/passage.ts";
import { peerOf } from "../http/request-head.ts";
import { isFromHere } from "./from-here.ts";
import type { McpOptions } from "./mcp.ts";
import { createOpenApi } from "./open-api.ts";
import { answerOwn, type OwnAnswer } from "./own-passage.ts";
import { createToolAccess, type McpAccess, type ToolAccess } from "./tool-access.ts";

/** The readers of the description of the services: programs and pages of this machine, every client, or none. */
export type OpenApiAccess = "local" | "public" | "off";

export interface InterfaceOptions {
  /** Default `off`. */
  openApi?: OpenApiAccess | undefined;
  /** Default `off`. */
  mcp?: McpAccess | undefined;
}

export interface InterfaceDoorOptions extends InterfaceOptions, McpOptions {
  nats: Nats;
}

export function createInterfaceDoor(options: InterfaceDoorOptions): OwnPaths<ServeOptions> {
  const { openApi = "off", mcp = "off", nats, specs } = options;
  const tools = mcp === "off" ? undefined : createToolAccess(nats, mcp);
  const isShown = ({ incoming, method }: AskedRequest) =>
    (method === "GET" || method === "HEAD") &&
    (openApi === "public" || (openApi === "local" && isFromHere(incoming)));
  const page = (request: AskedRequest, answer: OwnAnswer["answer"]) =>
    isShown(request) ? { maxBodyBytes: 0, answer } : undefined;
  const find = (request: AskedRequest, path: string, query: string): OwnAnswer | undefined => {
    switch (path) {
      case OPENAPI_PATH:
        return page(request, async () => documentResponse(specs(), query, request.requestId));
      case DOCS_PATH:
        return page(request, async () => (await import("./page.ts")).pageResponse());
      case MCP_PATH:
        return tools && mcpAnswer(options, tools, request);
      default:
        return undefined;
    }
  };
  return {
    find(request, { rawPath, query }, match) {
      const own = match.kind === "none" ? find(request, rawPath, query) : undefined;
      if (own === undefined) return undefined;
      return { pattern: rawPath, answer: (served, exchange) => answerOwn(served, exchange, own) };
    },
    forget: () => undefined,
    close: () => undefined,
  };
}

const OPENAPI_PATH = "/openapi.json";
const DOCS_PATH = "/docs";
const MCP_PATH = "/mcp";

/** Upper bound of a message of an MCP client. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

function mcpAnswer(
  options: InterfaceDoorOptions,
  tools: ToolAccess,
  { incoming, method, requestId }: AskedRequest,
): OwnAnswer {
  return {
    maxBodyBytes: MAX_MESSAGE_BYTES,
    async answer(data, signal) {
      const client = await tools.clientOf(incoming);
      if (client === undefined)
        return problemResponse("TOOL_KEY_REFUSED", requestId, undefined, ["WWW-Authenticate", "Bearer"]);
      const { answerMcp } = await import("./mcp.ts");
      const { rawHeaders, socket } = incoming;
      const peer = { address: socket.remoteAddress ?? "", remoteAddress: peerOf(socket) };
      return answerMcp(options, { method, rawHeaders, data, requestId, client, peer, signal });
    },
  };
}

/** `?service=orders`: of one service alone. */
function documentResponse(specs: Iterable<FunctionSpec>, query: string, requestId: string): GatewayResponse {
  const service = new URLSearchParams(query).get("service");
  const document = createOpenApi(specs, service ?? undefined);
  if (document === undefined) return problemResponse("NO_ROUTE", requestId, "no service has this name");
  const body = Buffer.from(JSON.stringify(document));
  const headers = ["Content-Type", "application/json", "Content-Length", String(body.length)];
  return { status: 200, headers: [...headers, "Cache-Control", "no-cache"], body };
}
