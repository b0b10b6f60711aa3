import {
  createFunctionLog,
  type FunctionLog,
  type FunctionLogOptions,
} from "../../instance/function-logs.ts";

/** The log of a program: lines as they are. A program has no source map. */
export function createProgramLog(options: Omit<FunctionLogOptions, "sourceMaps">): FunctionLog {
  const sourceMaps = { loaded: () => ({ map: undefined }), load: async () => undefined };
  return createFunctionLog({ ...options, sourceMaps });
}
