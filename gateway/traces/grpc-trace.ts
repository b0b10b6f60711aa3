/** The span of a call of gRPC, in the words of OpenTelemetry's semantic conventions. */
import { type GrpcCode, goNameOf, grpcCodes } from "../../contracts/index.ts";
import type { RequestTrace } from "./request-trace.ts";

/** `path`: `/pkg.Svc/Method`. */
export function describeGrpc(trace: RequestTrace, path: string, name: string, requestId: string): void {
  const [, service = "", method = ""] = path.split("/");
  trace.describe(`${service}/${method}`, {
    "rpc.system": "grpc",
    "rpc.service": service,
    "rpc.method": method,
    "narun.function": name,
    "narun.request_id": requestId,
  });
}

/** The other codes tell of a mistake of the client. */
const OF_THE_SERVER: ReadonlySet<GrpcCode> = new Set([
  ...[grpcCodes.UNKNOWN, grpcCodes.DEADLINE_EXCEEDED, grpcCodes.UNIMPLEMENTED],
  ...[grpcCodes.INTERNAL, grpcCodes.UNAVAILABLE, grpcCodes.DATA_LOSS],
]);

export function endGrpc(trace: RequestTrace, code: GrpcCode): void {
  trace.end({
    attributes: { "rpc.grpc.status_code": code },
    error: OF_THE_SERVER.has(code) ? goNameOf(code) : undefined,
  });
}
