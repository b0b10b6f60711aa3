/**
 * The keys of a program in narun.yaml and in specs (`mode: exec`), besides the keys of every function. They have the names of
 * the original toolkit's ServiceSpec where it has the same key.
 */
import { z } from "zod";

const NodeTargetSchema = z.strictObject({
  name: z.string().regex(/^[^\s.*>]+$/, "a node's name has no dot, wildcard or space"),
  replicas: z.int().min(1).max(1_000).default(1),
});

const MountSchema = z.strictObject({
  /** Relative to the program's folder. */
  path: z
    .string()
    .min(1)
    .max(1_024)
    .refine(
      (path) => !path.startsWith("/") && !path.split("/").includes(".."),
      "it is a path below the program's folder: without / at its beginning and without ..",
    ),
  source: z.strictObject({ objectStore: z.string().min(1).max(255) }),
});

/** Rights on a path: read, write, execute, create. */
const PathModesSchema = z.strictObject({
  path: z.string().min(1),
  modes: z.string().regex(/^[rwxc]+$/, "modes are letters out of r, w, x and c"),
});

const LandlockSchema = z.strictObject({
  shared: z.boolean().optional(),
  stdio: z.boolean().optional(),
  tty: z.boolean().optional(),
  tmp: z.boolean().optional(),
  vminfo: z.boolean().optional(),
  dns: z.boolean().optional(),
  certs: z.boolean().optional(),
  paths: z.array(PathModesSchema).max(1_000).optional(),
});
export type Landlock = z.infer<typeof LandlockSchema>;

export const PROGRAM_KEYS = {
  /** The program: its file, relative to the folder. A native binary, or a script whose first line begins with `#!`. */
  command: z.string().min(1).optional(),
  args: z.array(z.string()).max(1_000).optional(),
  /** The nodes that always run it, with as many instances each. Default: any node, by `scale`. */
  nodes: z.array(NodeTargetSchema).max(1_000).optional(),
  /** Files of `narun-files` in its folder. */
  mounts: z.array(MountSchema).max(1_000).optional(),
  /** The user that it runs as. */
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/i, "a user is named as in /etc/passwd")
    .optional(),
  /** Upper bound of its memory, and of all its processes'. */
  memoryMB: z.int().min(1).optional(),
  memoryMaxMB: z.int().min(1).optional(),
  cpuCores: z.number().positive().max(1_024).optional(),
  /** Upper bound of its processes and threads. */
  pids: z.int().min(1).max(1_000_000).optional(),
  /** Upper bound of the files that it has open. */
  openFiles: z.int().min(16).max(1_000_000).optional(),
  /** Upper bound of one file that it writes. */
  fileMB: z.int().min(1).optional(),
  /** Upper bound of the files that it keeps in its folder, besides its own file and its mounts. Default 1,024. */
  folderMB: z.int().min(1).optional(),
  /** The paths that it may use. Default: all that its user may. */
  landlock: LandlockSchema.optional(),
  /** The program's own metrics, for Prometheus: `/discovery` of the node names them. */
  metrics: z
    .strictObject({
      port: z.int().min(1).max(65_535),
      path: z.string().startsWith("/", "a path begins with /").default("/metrics"),
    })
    .optional(),
  /** False: it reaches NATS and nothing else. */
  network: z.boolean().optional(),
} as const;

/** The form of a program's file: its platform by Go's names, `any` for a script. */
export const ProgramFileFactsSchema = z.strictObject({
  /** Its name in the author's folder. */
  file: z.string(),
  os: z.string(),
  arch: z.string(),
});
export type ProgramFileFacts = z.infer<typeof ProgramFileFactsSchema>;

/** The platform in the name of a program's file. A script is stored for the system that most nodes have. */
export function platformOf({ os, arch }: ProgramFileFacts): { os: string; arch: string } {
  return os === "any" ? { os: "linux", arch: "amd64" } : { os, arch };
}
