/**
 * The parts of the platform for a thread of Node, which has Node's own classes: the boundary to the host, and the objects of
 * `env`. The program of the thread has stand-ins for the modules of the platform's own classes
 * (runtime/process/node/node-programs.ts).
 */
export { bindMethods } from "./bindings/bind-methods.ts";
export { createEnv, type EnvPlan } from "./bindings/env.ts";
export { toError } from "./bindings/host-result.ts";
export { EnterOp, FailureKind, PostOp, splitHeaderBlock, TRIGGERS } from "./host/boundary.ts";
export { callHost, dropCallsOf, type HostCall, HostFailure, settleCall } from "./host/host-call.ts";
export { connectHost } from "./host/host-link.ts";
export { endInbound, openInbound, pushInbound } from "./host/inbound.ts";
export { type ByteSource, inboundStream } from "./host/inbound-stream.ts";
export { cancelOutbound, grantOutbound } from "./host/outbound.ts";
export { sendStream } from "./host/send-stream.ts";
export { MethodNotAllowed, NoSuchHandler, resolveHandlers } from "./start/handler.ts";
export { startService, stopService } from "./start/service.ts";
