/** Ids of tenants, instances and checkpoints as tokens of subjects: any text has one. */
import { NarunError } from "../../contracts/index.ts";
import { sha256Hex } from "../../machine/index.ts";

/** Upper bound of an instance's and a tenant's id, in bytes. */
const MAX_ID_BYTES = 256;
/** Upper bound of a checkpoint's id, in bytes. */
const MAX_CHECKPOINT_ID_BYTES = 16 * 1024;
/** A longer id stands in a subject by its digest. */
const MAX_PLAIN_BYTES = 256;

/** The token of an id. A long one has its digest, and its text stands beside it (`ID_FIELD`). */
export function tokenOf(id: string): string {
  return Buffer.byteLength(id) <= MAX_PLAIN_BYTES
    ? Buffer.from(id).toString("base64url")
    : `=${sha256Hex(Buffer.from(id))}`;
}

/** The field of a record that has its checkpoint's id. */
export const ID_FIELD = "Narun-Runtara-Id";

/** The form of an id in that field. */
export const idField = (id: string) => Buffer.from(id).toString("base64url");
export const idOfField = (field: string) => Buffer.from(field, "base64url").toString();

/** Error: RUNTARA_BAD_CALL. */
export function checkId(id: string, what: string): string {
  const bytes = Buffer.byteLength(id);
  if (bytes > 0 && bytes <= MAX_ID_BYTES) return id;
  throw new NarunError("RUNTARA_BAD_CALL", {
    detail: bytes === 0 ? `${what} is empty` : `${what} has ${bytes} bytes, and ${MAX_ID_BYTES} are the most`,
  });
}

/** Error: RUNTARA_BAD_CALL. */
export function checkCheckpointId(id: string): string {
  const bytes = Buffer.byteLength(id);
  if (bytes > 0 && bytes <= MAX_CHECKPOINT_ID_BYTES) return id;
  throw new NarunError("RUNTARA_BAD_CALL", {
    detail:
      bytes === 0
        ? "checkpoint_id is empty"
        : `checkpoint_id has ${bytes} bytes, and ${MAX_CHECKPOINT_ID_BYTES} are the most`,
  });
}
