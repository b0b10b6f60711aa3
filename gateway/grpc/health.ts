/**
 * `grpc.health.v1.Health`: the state of the gateway (the empty name), and of each gRPC service that is routed. A service whose
 * function sleeps serves: its next call wakes it.
 */
import { grpcCodes } from "../../contracts/index.ts";
import { OK, type OwnCall, type OwnHandler, type OwnMethod } from "./own-call.ts";
import { joined, protoField, readProto, textsOf } from "./protobuf.ts";
import { type GrpcStatus, ownStatus } from "./status.ts";

const SERVING_STATUS = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;
export type ServingStatus = keyof typeof SERVING_STATUS;

export interface HealthOptions {
  /** The state of a gRPC service, or of the gateway (the empty name). */
  stateOf(service: string): ServingStatus;
  /** All gRPC services that are routed. */
  names(): Iterable<string>;
}

/** How often the states that are watched are compared. */
const WATCH_MS = 500;

const MALFORMED = ownStatus(grpcCodes.INVALID_ARGUMENT, "BAD_REQUEST", "the message cannot be read");

/** The methods by name. */
export function createHealth({ stateOf, names }: HealthOptions): Record<string, OwnMethod> {
  return {
    Check: unary((message) => {
      const service = serviceIn(message);
      if (service === undefined) return MALFORMED;
      const state = stateOf(service);
      return state === "SERVICE_UNKNOWN"
        ? ownStatus(grpcCodes.NOT_FOUND, "NO_ROUTE", `no function implements the service ${service}`)
        : response(state);
    }),
    List: unary(() =>
      joined(
        ["", ...names()].map((name) =>
          protoField(1, joined([protoField(1, name), protoField(2, response(stateOf(name)))])),
        ),
      ),
    ),
    Watch: (call) => watch(call, stateOf),
  };
}

function watch(call: OwnCall, stateOf: HealthOptions["stateOf"]): OwnHandler {
  let timer: NodeJS.Timeout | undefined;
  return {
    onMessage(message) {
      const service = serviceIn(message);
      if (service === undefined || timer !== undefined) {
        call.end(MALFORMED);
        return;
      }
      let told: ServingStatus | undefined;
      const tell = () => {
        const state = stateOf(service);
        if (state !== told) call.send(response(state));
        told = state;
      };
      timer = setInterval(tell, WATCH_MS).unref();
      tell();
    },
    onEnd() {
      if (timer === undefined) call.end(MALFORMED);
    },
    onOver: () => clearInterval(timer),
  };
}

function unary(answer: (message: Uint8Array) => Uint8Array | GrpcStatus): OwnMethod {
  return (call) => {
    let result: Uint8Array | GrpcStatus = MALFORMED;
    return {
      onMessage(message) {
        result = answer(message);
      },
      onEnd() {
        if (result instanceof Uint8Array) call.send(result);
        call.end(result instanceof Uint8Array ? OK : result);
      },
    };
  };
}

function serviceIn(message: Uint8Array): string | undefined {
  const fields = readProto(message);
  return fields && (textsOf(fields, 1).at(-1) ?? "");
}

function response(state: ServingStatus): Uint8Array {
  return protoField(1, SERVING_STATUS[state]);
}
