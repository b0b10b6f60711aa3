export type { Platform } from "./platform.ts";
export {
  PROGRAM_HEAD_BYTES,
  type ProgramFile,
  readProgramFile,
} from "./program-file.ts";
