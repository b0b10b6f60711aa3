export type { BindingPlan } from "./bindings/binding-plan.ts";
export type { EnvPlan } from "./bindings/env.ts";
export { encodeKvFrame } from "./bindings/kv-frames.ts";
export { KEY_FORMATS, KEY_USAGES } from "./crypto/key-terms.ts";
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
