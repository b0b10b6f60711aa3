import type { DescMethod } from "@bufbuild/protobuf";
import type { Action } from "../service/action.ts";
import type { ServiceFunction } from "../service/service.ts";
import type { MessageCodec } from "./message-codec.ts";

/** A unary method and its action. */
export interface ActionMethod {
  readonly desc: DescMethod;
  readonly action: Action;
  readonly actions: ActionsOfService;
  readonly codec: MessageCodec;
}

export type ActionsOfService = Pick<ServiceFunction, "~service" | "fetch" | "describe">;
