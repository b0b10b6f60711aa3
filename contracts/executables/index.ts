export {
  EXECUTABLE_HEAD_BYTES,
  type Executable,
  readExecutable,
} from "./executable.ts";
export type { Platform } from "./platform.ts";
