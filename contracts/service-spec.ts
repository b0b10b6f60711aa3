import { z } from "zod";
import { HostSchema, RouteSchema, ScaleSchema } from "./function-config.ts";
import { GrpcServiceSchema, NameSchema } from "./names.ts";
import { nearest } from "./nearest.ts";

/** A text, where Go reads any scalar as one. */
const TextSchema = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const OptionalText = TextSchema.nullish()
  .transform((text) => text || undefined)
  .optional();
/** A number, where Go's zero means that the key is absent. */
const OptionalAmount = (schema: z.ZodNumber) =>
  schema
    .nullish()
    .transform((number) => number || undefined)
    .optional();
const Flag = z.boolean().nullish();
const listOf = <Item extends z.ZodType>(item: Item) =>
  z
    .array(item)
    .nullish()
    .transform((items) => items ?? []);
const NotEmpty = TextSchema.refine((text) => text.trim() !== "", "it may not be empty");

const EnvShape = {
  name: NotEmpty.refine((name) => !/[\s=]/.test(name), "an env name has no space and no ="),
  value: TextSchema.nullish(),
  valueFromSecret: OptionalText,
};
const NodeShape = {
  name: NotEmpty,
  replicas: z
    .int()
    .min(1, "a node has at least one replica; take the node out of the list instead")
    .max(1_000)
    .default(1),
};
const SourceShape = { objectStore: NotEmpty };
const MountShape = {
  path: NotEmpty.refine(isInside, "a mount's path is relative and stays in the instance's folder"),
  source: z.looseObject(SourceShape),
};
const LandlockPathShape = {
  path: NotEmpty,
  modes: NotEmpty.refine((modes) => /^[rwxc]+$/.test(modes), "modes are letters out of r, w, x and c"),
};
const LandlockShape = {
  shared: Flag,
  stdio: Flag,
  tty: Flag,
  tmp: Flag,
  vminfo: Flag,
  dns: Flag,
  certs: Flag,
  paths: listOf(z.looseObject(LandlockPathShape)),
};
const JailShape = {
  hostname: OptionalText,
  ip4Addresses: listOf(TextSchema),
  allowRawSockets: Flag,
  devfsRuleset: z.int().min(0).nullish(),
  mountSystemCerts: Flag,
};
const LocalPortShape = {
  port: z.int().min(1_025, "a local port is over 1024").max(65_535),
  protocol: OptionalText.transform((protocol) => (protocol ?? "tcp").trim().toLowerCase()).pipe(
    z.enum(["tcp", "udp"]),
  ),
};
const NoNetShape = { localPorts: listOf(z.looseObject(LocalPortShape)) };
const MetricsShape = {
  port: OptionalAmount(z.int().min(0).max(65_535)),
  path: OptionalText.transform((path) => path ?? "/metrics"),
};
const BinaryShape = {
  /** Go's names: `linux`, `amd64`. */
  os: z.string(),
  arch: z.string(),
  /** The name in `app-binaries`. */
  object: z.string(),
  /** Hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.int().min(0),
};

const ServiceShape = {
  name: NameSchema,
  mode: z
    .enum(["", "exec", "landlock", "jail"])
    .nullish()
    .transform((mode) => mode || "exec"),
  /** The version: the binaries are `<name>-<tag>-<os>-<arch>`. Early runners read `binary_object` instead. */
  tag: OptionalText,
  /** The name of one binary, for early runners of the original toolkit. */
  binary_object: OptionalText,
  /** No version of the original toolkit's runner reads it. */
  command: OptionalText,
  args: listOf(TextSchema),
  env: listOf(z.looseObject(EnvShape).refine(hasOneValue, "it has either value or valueFromSecret")),
  /** The nodes that run it, each at most once. */
  nodes: listOf(z.looseObject(NodeShape)),
  mounts: listOf(z.looseObject(MountShape)),
  user: OptionalText,
  /** Soft limit, MiB. */
  memoryMB: OptionalAmount(z.int().min(0)),
  /** Hard limit, MiB. Default: `memoryMB`. */
  memoryMaxMB: OptionalAmount(z.int().min(0)),
  cpuCores: OptionalAmount(z.number().min(0)),
  /** Below /sys/fs/cgroup. The original toolkit's runner sets no limit without it. */
  cgroupParent: OptionalText,
  networkNamespacePath: OptionalText,
  /** No network but these ports. */
  nonet: z.looseObject(NoNetShape).nullish(),
  landlock: z.looseObject(LandlockShape).nullish(),
  jail: z.looseObject(JailShape).nullish(),
  /** The program's own metrics, for Prometheus. */
  metrics: z.looseObject(MetricsShape).nullish(),
  // narun's own keys, which the original toolkit passes over.
  /** The files of this version, by platform. Absent in specs of other tools. */
  binaries: z.array(z.looseObject(BinaryShape)).optional(),
  /** Paths of the gateway that the service answers. */
  routes: z.array(RouteSchema).optional(),
  /** The gRPC services that it implements: the gateway takes their calls. */
  grpc: z.array(GrpcServiceSchema).nonempty().max(100).optional(),
  /** The public names under which a proxy serves its routes. */
  hosts: z.array(HostSchema).nonempty().max(100).optional(),
  /** narun places and scales the instances, instead of `nodes`. */
  scale: ScaleSchema.optional(),
};

/**
 * A service of the original toolkit (compatible ServiceSpec): any program that registers itself as a NATS Micro service.
 * Further keys are kept, as other versions write more of them; an empty mode means `exec`.
 */
export const ServiceSpecSchema = z.looseObject(ServiceShape).superRefine(refuseContradictions);
export type ServiceSpec = z.infer<typeof ServiceSpecSchema>;
export type ServiceBinary = NonNullable<ServiceSpec["binaries"]>[number];

/** A spec as its author writes it: a key that is nearly a known one is a mistake. */
export const ServiceFileSchema = ServiceSpecSchema.superRefine(refuseMisspelt).superRefine(refuseUnused);

/** The keys of a spec whose scalars are texts for Go, also where they look like numbers: `tag: 1.10`. */
export const TEXT_KEYS: ReadonlySet<string> = new Set([
  ...["name", "tag", "binary_object", "binary_version_tag", "command", "args", "value", "valueFromSecret"],
  ...["path", "objectStore", "user", "hostname", "ip4Addresses", "cgroupParent", "networkNamespacePath"],
]);

/** The name of a program's file in `app-binaries`, as the original toolkit's runner asks for it. */
export function binaryObjectName(
  app: string,
  tag: string,
  { os, arch }: { os: string; arch: string },
): string {
  return `${app}-${tag}-${os}-${arch}`;
}

/** Metadata of a program's file (compatible). */
export const binaryMetadataKeys = {
  app: "narun-app-name",
  os: "narun-goos",
  arch: "narun-goarch",
  tag: "narun-version-tag",
  file: "narun-original-file",
} as const;

function isInside(path: string): boolean {
  return !path.startsWith("/") && !path.split("/").includes("..") && !path.includes("\0");
}

function hasOneValue({
  value,
  valueFromSecret,
}: {
  value?: string | null | undefined;
  valueFromSecret?: string | undefined;
}) {
  return valueFromSecret === undefined || (value ?? "") === "";
}

type Refinement = z.RefinementCtx;

function refuseContradictions(spec: z.infer<z.ZodObject<typeof ServiceShape>>, context: Refinement): void {
  const names = new Set<string>();
  for (const [index, { name }] of spec.nodes.entries()) {
    if (names.has(name)) {
      const message = `the node ${JSON.stringify(name)} stands twice in the list`;
      context.addIssue({ code: "custom", path: ["nodes", index, "name"], message });
    }
    names.add(name);
  }
  const { memoryMB, memoryMaxMB } = spec;
  if (memoryMB !== undefined && memoryMaxMB !== undefined && memoryMaxMB < memoryMB) {
    context.addIssue({ code: "custom", path: ["memoryMaxMB"], message: "memoryMaxMB is under memoryMB" });
  }
}

/** A confinement that the mode would pass over is a mistake of its author, who believes that it is in force. */
function refuseUnused(spec: z.infer<z.ZodObject<typeof ServiceShape>>, context: Refinement): void {
  for (const key of ["landlock", "jail"] as const) {
    const written = spec[key];
    if (written == null || spec.mode === key) continue;
    const message = `mode ${spec.mode} passes it over; write \`mode: ${key}\`, or take it out`;
    context.addIssue({ code: "custom", path: [key], message });
  }
  if (spec.scale !== undefined && spec.nodes.length > 0) {
    const message = "either narun places the instances (`scale`), or `nodes` does; take one of them out";
    context.addIssue({ code: "custom", path: ["scale"], message });
  }
}

/** The known keys of each object inside a spec, by its path; `*` is any index of a list. */
const KNOWN_KEYS: readonly (readonly [path: readonly string[], shape: object])[] = [
  [[], ServiceShape],
  [["env", "*"], EnvShape],
  [["nodes", "*"], NodeShape],
  [["mounts", "*"], MountShape],
  [["mounts", "*", "source"], SourceShape],
  [["landlock"], LandlockShape],
  [["landlock", "paths", "*"], LandlockPathShape],
  [["jail"], JailShape],
  [["nonet"], NoNetShape],
  [["nonet", "localPorts", "*"], LocalPortShape],
  [["metrics"], MetricsShape],
];

function refuseMisspelt(spec: unknown, context: Refinement): void {
  for (const [pattern, shape] of KNOWN_KEYS) {
    const known = Object.keys(shape);
    for (const { path, value } of find(spec, pattern)) {
      const keys = Object.keys(value).filter((key) => !known.includes(key) && isMisspelt(key, known));
      if (keys.length > 0) context.addIssue({ code: "unrecognized_keys", keys, path, input: { ...value } });
    }
  }
}

function isMisspelt(key: string, known: readonly string[]): boolean {
  const meant = nearest(key, known);
  // Short words are near to each other by chance.
  return meant !== undefined && key.length > 2;
}

type Found = { path: (string | number)[]; value: object };

function find(root: unknown, pattern: readonly string[]): Found[] {
  let found: { path: (string | number)[]; value: unknown }[] = [{ path: [], value: root }];
  for (const step of pattern) {
    found = found.flatMap(({ path, value }) => {
      if (typeof value !== "object" || value === null) return [];
      if (step !== "*") return [{ path: [...path, step], value: (value as Record<string, unknown>)[step] }];
      return Array.isArray(value)
        ? value.map((item, index) => ({ path: [...path, index], value: item }))
        : [];
    });
  }
  return found.filter((one): one is Found => typeof one.value === "object" && one.value !== null);
}
