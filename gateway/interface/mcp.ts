/**
 * MCP over streamable HTTP: the tools of services. Loaded with the first client: the SDK takes 30 MB.
 *
 * I1  There is no session: each request has its own server, so that every gateway answers every request.
 * I2  A client sees the tools that it may call, and no others. A call is checked again.
 * I3  The body of an error is the problem that a client of HTTP would get; nothing of the platform's inside is added.
 */
import { createMcpHandler, type McpHttpHandler, Server } from "@modelcontextprotocol/server";
import { createProblem, type ErrorCode, explainFailure, type FunctionSpec } from "../../contracts/index.ts";
import type { GatewayResponse } from "../http/gateway-response.ts";
import { type ActionAnswer, type ActionCallerOptions, callAction } from "./call-action.ts";
import type { ToolClient } from "./tool-access.ts";
import { type OfferedTool, requestOfCall, toolsOf } from "./tools.ts";

export interface McpOptions extends ActionCallerOptions {
  specs(): Iterable<FunctionSpec>;
}

export interface McpRequest {
  method: string;
  rawHeaders: readonly string[];
  data: Uint8Array;
  requestId: string;
  client: ToolClient;
  peer: { address: string; remoteAddress: string };
  signal: AbortSignal;
}

/** Answers one request of a client. */
export async function answerMcp(options: McpOptions, request: McpRequest): Promise<GatewayResponse> {
  const handler = handlerFor(options, request);
  try {
    const { method, data } = request;
    const headers = new Headers();
    for (let at = 0; at + 1 < request.rawHeaders.length; at += 2)
      if (/^(?:accept|content-type|mcp-[\w-]+)$/i.test(request.rawHeaders[at] ?? ""))
        headers.append(request.rawHeaders[at] ?? "", request.rawHeaders[at + 1] ?? "");
    const hasBody = method !== "GET" && method !== "HEAD" && data.byteLength > 0;
    const body = hasBody ? new Uint8Array(data) : null;
    const response = await handler.fetch(new Request("http://narun/mcp", { method, headers, body }));
    return await toResponse(response);
  } finally {
    await handler.close();
  }
}

async function toResponse(response: Response): Promise<GatewayResponse> {
  const body = Buffer.from(await response.arrayBuffer());
  const headers = [...response.headers].flatMap(([name, value]) =>
    OF_CONNECTION.has(name) ? [] : [name, value],
  );
  return { status: response.status, headers: [...headers, "Content-Length", String(body.length)], body };
}

const OF_CONNECTION = new Set(["connection", "content-length", "transfer-encoding"]);

function handlerFor(options: McpOptions, request: McpRequest): McpHttpHandler {
  const offered = () => toolsOf(options.specs(), request.client.allow);
  return createMcpHandler(
    () => {
      const server = new Server({ name: "narun", version: "1.0.0" }, { capabilities: { tools: {} } });
      server.setRequestHandler("tools/list", async () => ({
        tools: [...offered().values()].map(({ tool }) => tool),
      }));
      server.setRequestHandler("tools/call", async ({ params }) => {
        const found = offered().get(params.name);
        if (found === undefined) return errorResult(`There is no tool ${JSON.stringify(params.name)}.`);
        return callTool(options, request, found, params.arguments ?? {});
      });
      return server;
    },
    // Subscriptions would hold their gateway: the list of tools is asked for again instead.
    { maxSubscriptions: 0, keepAliveMs: 0 },
  );
}

async function callTool(
  options: McpOptions,
  { requestId, client, peer, rawHeaders, signal }: McpRequest,
  { service, action, tool }: OfferedTool,
  given: Record<string, unknown>,
) {
  const target = requestOfCall(action, given);
  if (target === undefined)
    return errorResult(`The arguments that address the tool are missing: ${action.subject}`);
  const answer = await callAction(options, {
    ...{ service, ...target, requestId, rawHeaders, signal },
    ...{ caller: client.caller, client: peer, isRepeatable: action.isIdempotent || action.isReadOnly },
  });
  if (answer.kind === "failed") return errorResult(problemText(options, service, answer.code, requestId));
  return resultOf(answer, tool.outputSchema !== undefined);
}

function resultOf({ status, text }: Extract<ActionAnswer, { kind: "answered" }>, isStructured: boolean) {
  if (status >= 400) return errorResult(text === "" ? `The tool failed with status ${status}.` : text);
  const content = [{ type: "text" as const, text: text === "" ? "Done." : text }];
  const value = isStructured ? parsed(text) : undefined;
  return value === undefined ? { content } : { content, structuredContent: value };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function problemText({ specOf }: McpOptions, name: string, code: ErrorCode, requestId: string): string {
  const limits = specOf(name)?.limits;
  return JSON.stringify(
    createProblem(code, requestId, explainFailure(code, { name, kind: "function", limits })),
  );
}

function errorResult(text: string) {
  return { isError: true, content: [{ type: "text" as const, text }] };
}
