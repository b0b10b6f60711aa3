/** The function behind a gRPC service, and the descriptors of its live revision. */
import { type FunctionSpec, NarunError, nearest, revisionKey } from "../contracts/index.ts";
import { type Nats, openBinaries, openRevisions, openSpecs } from "../nats/index.ts";

export interface GrpcService {
  /** The function's name. */
  function: string;
  /** A `google.protobuf.FileDescriptorSet`. */
  descriptors: Uint8Array;
}

/** The function `name`; default: the first by name that implements the service, as gateways choose it. Error: GRPC_UNKNOWN. */
export async function findGrpcService(nats: Nats, service: string, name?: string): Promise<GrpcService> {
  const specs = (await (await openSpecs(nats)).list()).flatMap((entry) =>
    entry.ok && entry.value.kind === "function" ? [entry.value.spec] : [],
  );
  const found = specs
    .filter((spec) => spec.grpc?.includes(service) && (name === undefined || spec.name === name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))[0];
  if (found === undefined) throw unknownService(service, specs);
  const manifest = await (await openRevisions(nats)).get(revisionKey(found.name, found.revision));
  if (manifest?.ok !== true || manifest.value.descriptors === undefined)
    throw new NarunError("GRPC_UNKNOWN", {
      detail: `function ${found.name} implements ${service} without a .proto file`,
    });
  const descriptors = await (await openBinaries(nats)).get(manifest.value.descriptors.sha256);
  return { function: found.name, descriptors };
}

function unknownService(service: string, specs: readonly FunctionSpec[]): NarunError {
  const meant = nearest(service, new Set(specs.flatMap(({ grpc = [] }) => grpc)));
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  return new NarunError("GRPC_UNKNOWN", { detail: `no function implements ${service}${hint}` });
}
