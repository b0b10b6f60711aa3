/** A service (`service({ … })`) in the hands of `serve`: its description, and the beginning and end of its life. */
import {
  allRoutesOf,
  type ErrorCode,
  isErrorCode,
  NarunError,
  type ServiceDescription,
  ServiceDescriptionSchema,
} from "../../contracts/index.ts";
import type { ServedApp, ServiceFunction } from "../../functions/sdk/index.ts";
import type { ResolvedConsumer } from "./options.ts";

/** A service that is served. */
export interface ServedService {
  readonly description: ServiceDescription;
  start(env: unknown): Promise<void>;
  stop(env: unknown): Promise<void>;
}

/** Undefined: the handler is no service. Errors: SERVICE_INVALID and the others of a definition. */
export function serviceOf(handler: ServedApp, name: string): ServedService | undefined {
  const { "~service": life } = handler as Partial<ServiceFunction>;
  if (life === undefined) return undefined;
  if (life.fault !== undefined) throw faultOf(life.fault);
  if (life.name !== name) {
    const detail = `the service is named "${life.name}", and \`serve\` gets the name "${name}"`;
    throw new NarunError("SERVICE_NAMED_OTHERWISE", { detail });
  }
  return {
    description: describe(handler as unknown as ServiceFunction),
    async start(env) {
      for (const one of life.startHandlers) await one(env);
    },
    async stop(env) {
      for (const one of life.stopHandlers) await one(env);
    },
  };
}

function describe(service: ServiceFunction): ServiceDescription {
  try {
    return ServiceDescriptionSchema.parse(service.describe());
  } catch (error) {
    throw faultOf(error);
  }
}

function faultOf(error: unknown): NarunError {
  const { code, message } = error as { code?: unknown; message?: string };
  const known: ErrorCode = isErrorCode(code) ? code : "SERVICE_INVALID";
  return new NarunError(known, { detail: String(message) }, { cause: error });
}

/** A consumer that is a service: its routes, and its version and description where its options name none. */
export function withService(
  resolved: ResolvedConsumer,
  { description }: ServedService,
  isVersioned: boolean,
): ResolvedConsumer {
  const { config } = resolved;
  const routes = allRoutesOf({ name: config.name, routes: config.routes, interface: description });
  return {
    ...resolved,
    config: { ...config, routes: [...routes] },
    ...(isVersioned ? {} : { version: description.version }),
    description: resolved.description === "" ? (description.description ?? "") : resolved.description,
  };
}
