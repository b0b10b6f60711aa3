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

/** The module of the run-time's side, which the builder resolves. */
export const RUNTIME_MODULE = "narun:grpc";
/** Apart, as the library makes the descriptors of descriptors for the ones of its own files. */
export const WELL_KNOWN_MODULE = "narun:well-known";
