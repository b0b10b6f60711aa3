import { z } from "zod";

/** A function or service name. The same grammar as a NATS Micro service name (ADR-32), bounded to a DNS label's length. */
export const NAME_PATTERN = /^[A-Za-z0-9_-]{1,63}$/;

export const NameSchema = z
  .string()
  .regex(NAME_PATTERN, "a name has 1 to 63 characters out of A-Z, a-z, 0-9, _ and -");

/** A revision: the SHA-256 of its manifest, 64 lower-case hex digits. */
export const RevisionSchema = z.string().regex(/^[0-9a-f]{64}$/, "a revision is 64 lower-case hex digits");

/** How many digits of a revision people are shown, and may type. */
const SHORT_REVISION_LENGTH = 12;

/** The form of a revision that people read: its first 12 hex digits. */
export function shortRevision(revision: string): string {
  return revision.slice(0, SHORT_REVISION_LENGTH);
}

/** The version that an instance's NATS Micro service announces: semver, with the revision as build metadata. */
export function serviceVersion(revision: string): string {
  return `1.0.0+${shortRevision(revision)}`;
}

/** In the metadata of a NATS Micro service: the id of its world. Services that narun did not start have none. */
export const WORLD_KEY = "narun.world";

/** The full name of a gRPC service: `package.Service`. */
export const GrpcServiceSchema = z
  .string()
  .max(255)
  .regex(/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/, "a gRPC service is named as in its .proto: package.Service");
