import { z } from "zod";
import { FunctionConfigSchema } from "./function-config.ts";
import { ProgramFileFactsSchema } from "./program.ts";

const FileSchema = z.strictObject({
  /** SHA-256 of the file's bytes, hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.int().min(0),
});

/**
 * One immutable build of a function: its files by digest, and its configuration. The revision is the SHA-256 of this
 * record as canonical JSON, so that equal source and configuration are the same revision on every machine.
 */
export const ManifestSchema = z.strictObject({
  /** Raised when the meaning of this record changes. */
  format: z.literal(1),
  config: FunctionConfigSchema,
  /** One ES module, or a program's file. */
  bundle: FileSchema,
  /** The module's external source map. That of a program is empty. */
  sourceMap: FileSchema,
  /** The form of a program's file. */
  program: ProgramFileFactsSchema.optional(),
  /** A `google.protobuf.FileDescriptorSet` of its gRPC services, with every file that it imports. Absent: none is known. */
  descriptors: FileSchema.optional(),
});
export type Manifest = z.infer<typeof ManifestSchema>;

/** JSON with sorted keys: the bytes that a revision is the SHA-256 of, and that the store keeps. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
