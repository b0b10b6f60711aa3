/** The services that a bundle has, and all that follows from them: routes, and descriptors for reflection. */
import { resolve } from "node:path";
import type { Route } from "../../contracts/index.ts";
import type { BundleFacts } from "../bundle-message.ts";
import { protoFileOf, serviceIn } from "./proto-paths.ts";

export interface UsedServices {
  /** Full names, sorted. */
  names: string[];
  /** The paths of their methods for gRPC-Web and Connect, and the paths of their annotations. */
  routes: Route[];
  /** A `google.protobuf.FileDescriptorSet` of their files and all imported ones. */
  descriptors: Uint8Array;
}

/** Undefined for a bundle without services. `dir`: the function's folder. */
export async function findServices(
  { outputs }: BundleFacts,
  { dir, bundleFile }: { dir: string; bundleFile: string },
): Promise<UsedServices | undefined> {
  const used = Object.entries(outputs[bundleFile]?.inputs ?? {}).flatMap(([path, { bytesInOutput }]) => {
    const service = serviceIn(path);
    return service === undefined || bytesInOutput === 0
      ? []
      : [{ path: resolve(dir, protoFileOf(path)), service }];
  });
  if (used.length === 0) return undefined;
  // The compiler takes 15 ms to evaluate.
  const { readServices } = await import("./read-services.ts");
  return readServices(used, dir);
}
