/** The names of the modules of `.proto` files: see proto-modules.ts. */

export const TYPES_SUFFIX = "?types";
export const SERVICE_SUFFIX = "?service=";

/** The namespace of the files that narun has. */
export const GOOGLE_NAMESPACE = "narun-proto";

const MODULE = /(?<=\.proto)\?(?:types|service=(?<service>\w+))$/;

/** The file behind a name in esbuild's results. */
export function protoFileOf(path: string): string {
  return path.replace(MODULE, "");
}

/** The service of a module's name, if the module is one. */
export function serviceIn(path: string): string | undefined {
  return path.startsWith(`${GOOGLE_NAMESPACE}:`) ? undefined : MODULE.exec(path)?.groups?.service;
}
