import type { ErrorEntry } from "./error-entry.ts";

/** Errors of the clients of services: of their keys, and of services that are paused or wait. */
export const clientErrors = {
  TOOL_KEY_REFUSED: {
    title: "The MCP client has no valid key",
    solve:
      "Send `Authorization: Bearer KEY`; `narun mcp add NAME --allow SERVICE` makes one. Clients of the gateway's own machine need none, but with `--mcp keys`.",
    status: 401,
  },
  TOOL_KEY_EXISTS: {
    title: "A key of this name exists",
    solve: "Choose another name, or remove it first: `narun mcp rm NAME` ends the clients that use it.",
  },
  TOOL_KEY_MISSING: {
    title: "There is no such key",
    solve: "`narun mcp ls` lists the keys.",
  },
  NOT_IDEMPOTENT: {
    title: "A call of this action may not be sent twice",
    solve: "Call it without `hedge`, or say `idempotent: true` where a second call has the same effect.",
    status: 409,
  },
  REQUIRES_CYCLE: {
    title: "Services require each other in a circle",
    solve:
      "Take one of the services that `detail` names out of the `requires` of another: none of them could start first.",
  },
  REQUIRED_NOT_RUNNING: {
    title: "The service waits for another one that it requires",
    solve: "`narun services ls` says for whom each service waits, and why another one does not run.",
    status: 503,
    retryable: true,
  },
  SERVICE_PAUSED: {
    title: "The service is paused",
    solve: "Retry later. `narun services resume NAME` lets it go on.",
    status: 503,
    retryable: true,
  },
} as const satisfies Record<string, ErrorEntry>;
