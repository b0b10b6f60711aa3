export type { BindingPlan } from "./bindings/create-binding.ts";
export type { EnvPlan } from "./bindings/env.ts";
export { encodeKvFrame } from "./bindings/kv-frames.ts";
export {
  AbortKind,
  AskFor,
  BOOT_GLOBAL,
  type Data,
  type Enter,
  EnterOp,
  FailureKind,
  LOAD_GLOBAL,
  MAX_ENTERING,
  PLATFORM_FILE,
  PostOp,
  splitAnswer,
  splitHeaderBlock,
} from "./host/boundary.ts";
export { isSendableCloseCode } from "./websocket/close-code.ts";
