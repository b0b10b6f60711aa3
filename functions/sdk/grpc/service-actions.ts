/** The actions of a service as the methods of a `.proto` file's service: `grpc(Orders, service({ … }))`. */
import type { DescService, Message } from "@bufbuild/protobuf";
import type { Action } from "../service/action.ts";
import type { ErrorTypes } from "../service/context.ts";
import type { Description } from "../service/description.ts";
import { ServiceFault } from "../service/fault.ts";
import type { ActionTypes, ServiceFunction } from "../service/service.ts";
import type { ActionsOfService } from "./action-method.ts";
import type { AnyHandler } from "./call.ts";
import { findMisfit } from "./fit.ts";
import type { MessageCodec } from "./message-codec.ts";

type Actions = Readonly<Record<string, ActionTypes>>;

/** A service whose actions are called over gRPC too. */
export type GrpcService<A extends Actions = Actions, E extends ErrorTypes = ErrorTypes> = Pick<
  ServiceFunction<A, E>,
  "~types" | "~service" | "fetch" | "describe"
> & {
  /** The full names of its gRPC services. */
  readonly services: readonly string[];
};

export interface GrpcServiceOptions {
  /** Upper bound of a message, uncompressed. Default 16 MiB. */
  maxMessageBytes?: number;
  /** The actions of methods whose names are others: `{ getOrder: "get" }`. */
  actions?: Readonly<Record<string, string>>;
}

/** Whether the handlers of `grpc(…)` are a service. */
export function isService(handlers: object): handlers is ActionsOfService {
  return "~service" in handlers;
}

/** The handlers of the methods by their names in camel case. */
export function handlersOf(
  service: DescService,
  actions: ActionsOfService,
  codec: MessageCodec,
  names: GrpcServiceOptions["actions"],
): Record<string, AnyHandler> {
  const handlers: Record<string, AnyHandler> = {};
  for (const desc of service.methods) {
    const action = actionOf(desc, actions, names);
    if (desc.methodKind !== "unary" || action === undefined) continue;
    const method = { desc, action, actions, codec };
    handlers[desc.localName] = async (message, call) => {
      const { callAction } = await import("./action-call.ts");
      return callAction(method, message as Message, call);
    };
  }
  return handlers;
}

/** The description of the service, where its actions fit the methods. Error: ServiceFault, GRPC_MISMATCH. */
export function describeBoth(
  service: DescService,
  actions: ActionsOfService,
  names: GrpcServiceOptions["actions"] = {},
): Description {
  const description = actions.describe();
  const refuse = (why: string) => {
    throw new ServiceFault("GRPC_MISMATCH", `${service.typeName}${why}`);
  };
  const known = new Set(service.methods.map(({ localName }) => localName));
  const stranger = Object.keys(names).find((name) => !known.has(name));
  if (stranger !== undefined) refuse(` has no method ${stranger}; it has ${[...known].join(", ")}`);
  for (const desc of service.methods) {
    const { name, localName, methodKind, input, output } = desc;
    if (methodKind !== "unary")
      refuse(`.${name} streams, and an action takes one input and gives one answer`);
    const action = actionOf(desc, actions, names);
    if (action === undefined)
      refuse(
        `.${name} has no action: add .action("${names[localName] ?? localName}", …), or name another in \`actions\``,
      );
    // The message comes in clear as far as the function: the gateway and NATS would see what `encrypt` hides.
    if (action?.encrypt !== undefined)
      refuse(
        `.${name} is the action "${action.name}", whose calls are sealed for "${action.encrypt}": gRPC has them in clear`,
      );
    const told = description.actions.find((one) => one.name === action?.name);
    for (const [side, message] of [
      ["input", input],
      ["output", output],
    ] as const) {
      const misfit = findMisfit(message, told?.[side], side);
      if (misfit === undefined) continue;
      const at = misfit.path === "" ? "" : ` at ${misfit.path}`;
      refuse(`.${name} does not fit the ${side} of the action "${told?.name}"${at}: ${misfit.why}`);
    }
  }
  return description;
}

/** `GetOrder` is the action `getOrder`, `GetOrder` or `get_order`. */
function actionOf(
  { name, localName }: { name: string; localName: string },
  { "~service": { actions } }: ActionsOfService,
  names: GrpcServiceOptions["actions"] = {},
): Action | undefined {
  const chosen = Object.hasOwn(names, localName) ? names[localName] : undefined;
  if (chosen !== undefined) return actions.get(chosen);
  const snake = localName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return actions.get(localName) ?? actions.get(name) ?? actions.get(snake);
}
