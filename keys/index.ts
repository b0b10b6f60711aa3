export {
  askedKeys,
  dismissKey,
  enrolKey,
  grantLabel,
  initKeys,
  type KeyPlace,
  type NewKey,
  newKey,
  readKeys,
  renewKeys,
  restoreKeys,
  revokeLabel,
  rotateLabel,
} from "./admin.ts";
export { createSealer } from "./create-sealer.ts";
export { createIdentitySealer, type IdentitySealer } from "./identity-sealer.ts";
export type { KeyFolder } from "./key-file.ts";
export { type LabelKey, labelOfKeyId } from "./label-keys.ts";
export { createNodeKeys, type NodeKeys } from "./node-keys.ts";
export { clearBytesOf, clearBytesOfStream } from "./sealed-size.ts";
export { type KeySource, labelOfSealed, type Sealer } from "./sealer.ts";
