/**
 * The paths that the gateway itself answers where no route takes them: the description of the services, a page to try them, and
 * the tools of MCP.
 *
 * I1  A route of a function wins, a prefix too.
 * I2  A client that may not see them gets the same answer as where there is nothing.
 */
import type { IncomingMessage } from "node:http";
import type { FunctionSpec } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import { type GatewayResponse, problemResponse } from "../http/gateway-response.ts";
import { peerOf } from "../http/request-head.ts";
import type { RequestTarget } from "../http/request-path.ts";
import { isFromHere } from "./from-here.ts";
import type { McpOptions } from "./mcp.ts";
import { createOpenApi } from "./open-api.ts";
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

/** A request that no route takes. */
export interface UnroutedRequest {
  incoming: IncomingMessage;
  method: string;
  requestId: string;
}

/** The gateway's own answer to a request. */
export interface OwnAnswer {
  /** The `path` label of the metrics. */
  pattern: string;
  /** Upper bound of the request's body. */
  maxBodyBytes: number;
  answer(data: Uint8Array, signal: AbortSignal): Promise<GatewayResponse>;
}

/** Undefined where the request is not for the gateway itself. */
export type InterfaceDoor = (request: UnroutedRequest, target: RequestTarget) => OwnAnswer | undefined;

export function createInterfaceDoor(options: InterfaceDoorOptions): InterfaceDoor {
  const { openApi = "off", mcp = "off", nats, specs } = options;
  const tools = mcp === "off" ? undefined : createToolAccess(nats, mcp);
  const isShown = ({ incoming, method }: UnroutedRequest) =>
    (method === "GET" || method === "HEAD") &&
    (openApi === "public" || (openApi === "local" && isFromHere(incoming)));
  const page = (request: UnroutedRequest, pattern: string, answer: OwnAnswer["answer"]) =>
    isShown(request) ? { pattern, maxBodyBytes: 0, answer } : undefined;
  return (request, { rawPath, query }) => {
    switch (rawPath) {
      case OPENAPI_PATH:
        return page(request, rawPath, async () => documentResponse(specs(), query, request.requestId));
      case DOCS_PATH:
        return page(request, rawPath, async () => (await import("./page.ts")).pageResponse());
      case MCP_PATH:
        return tools && mcpAnswer(options, tools, request);
      default:
        return undefined;
    }
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
  { incoming, method, requestId }: UnroutedRequest,
): OwnAnswer {
  return {
    pattern: MCP_PATH,
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
