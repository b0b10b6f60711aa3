/** The services that the gateway implements itself. They win over functions with the same names. */
import type { FunctionSpec } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import type { Nats } from "../../nats/index.ts";
import { indexDescriptors } from "./descriptor-index.ts";
import { createDescriptors } from "./descriptors.ts";
import { createHealth } from "./health.ts";
import type { LearnedServices } from "./learned.ts";
import type { OwnMethod } from "./own-call.ts";
import { ownDescriptors } from "./own-descriptors.ts";
import { createReflection } from "./reflection.ts";
import type { GrpcRoutes } from "./routes.ts";

export interface OwnServicesOptions {
  nats: Nats;
  routes(): GrpcRoutes;
  learned: LearnedServices;
  specOf(service: string): FunctionSpec | undefined;
  /** Whether the gateway takes calls, and reaches NATS. */
  isServing(): boolean;
  /** Whether calls to a service of NATS can be answered now, or after a start. */
  canServe(service: string): boolean;
  log: Log;
}

export interface OwnServices {
  has(grpcService: string): boolean;
  /** The method behind `/pkg.Svc/Method`. */
  method(path: string): OwnMethod | undefined;
}

const HEALTH = "grpc.health.v1.Health";
const REFLECTION = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

export function createOwnServices(options: OwnServicesOptions): OwnServices {
  const { routes, learned, specOf, isServing, canServe } = options;
  const own = indexDescriptors(ownDescriptors());
  const descriptors = createDescriptors(options);
  const ownNames = [HEALTH, ...REFLECTION];
  const serviceOf = (name: string) => routes().find(name) ?? learned.find(name);
  const names = () => new Set([...ownNames, ...routes().names(), ...learned.names()]);
  /** A symbol belongs to a service where it is the service, or a method of it. */
  const specBehind = (symbol: string) => {
    const service = serviceOf(symbol) ?? serviceOf(symbol.replace(/\.[^.]*$/, ""));
    return service === undefined ? undefined : specOf(service);
  };
  const indexes = async (symbol: string) => {
    const functions = [...routes().names()].flatMap((name) => specOf(serviceOf(name) ?? "") ?? []);
    const specs = new Set([...[specBehind(symbol) ?? []].flat(), ...functions]);
    const found = await Promise.all([...specs].map((spec) => descriptors.of(spec)));
    return [own, ...found.filter((index) => index !== undefined)];
  };
  const health = createHealth({
    names,
    stateOf(name) {
      if (name === "" || ownNames.includes(name)) return isServing() ? "SERVING" : "NOT_SERVING";
      const service = serviceOf(name);
      if (service === undefined) return "SERVICE_UNKNOWN";
      return isServing() && canServe(service) ? "SERVING" : "NOT_SERVING";
    },
  });
  const reflection = createReflection({ names, indexes });
  const methods = new Map([
    ...Object.entries(health).map(([name, method]): [string, OwnMethod] => [`/${HEALTH}/${name}`, method]),
    ...REFLECTION.map((name): [string, OwnMethod] => [`/${name}/ServerReflectionInfo`, reflection]),
  ]);
  return {
    has: (name) => ownNames.includes(name),
    method: (path) => methods.get(path),
  };
}
