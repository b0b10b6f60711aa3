import type { FunctionSpec } from "../../contracts/index.ts";
import type { CompatConfig } from "../config.ts";

/** The functions and services behind gRPC services, by full name. It is immutable: a change builds a new one. */
export interface GrpcRoutes {
  /** The service of NATS that takes the calls of a gRPC service. */
  find(grpcService: string): string | undefined;
  /** All gRPC services that are routed. */
  names(): Iterable<string>;
}

/** A static route wins over a function, and the function that is first by name over others. */
export function createGrpcRoutes(specs: Iterable<FunctionSpec>, config?: CompatConfig): GrpcRoutes {
  const services = new Map<string, string>();
  const add = (grpc: string, service: string) => void (services.has(grpc) || services.set(grpc, service));
  for (const { grpc, service } of config?.routes ?? []) if (grpc !== undefined) add(grpc, service);
  for (const { name, grpc = [] } of [...specs].sort((a, b) => (a.name < b.name ? -1 : 1)))
    for (const one of grpc) add(one, name);
  return { find: (name) => services.get(name), names: () => services.keys() };
}
