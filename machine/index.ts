export { type Backoff, createBackoff } from "./backoff.ts";
export {
  type CertificatePair,
  certificateHasNames,
  endOfCertificate,
  fingerprintOfCertificate,
  isCertificateOf,
  isKeyOf,
  makeAuthority,
  makeCertificate,
} from "./certificates.ts";
export { holdCompiler } from "./compiler.ts";
export { createEgress, type Egress, type EgressOptions, type EgressTarget } from "./egress.ts";
export { errnoOf } from "./errno.ts";
export { type Address, claimShared, listen } from "./listen.ts";
export { makeFolders, makeOwnFolder, unusableFolder } from "./own-folder.ts";
export {
  importParts,
  importPartsOnly,
  leaveOutUnused,
  requireFrom,
  SETS_MESSAGES,
} from "./own-modules.ts";
export {
  endProcess,
  identifyProcess,
  isRunning,
  type ProcessIdentity,
  ProcessIdentitySchema,
} from "./process-identity.ts";
export { releaseMemory } from "./release-memory.ts";
export { lastLines, type ProgramResult, runProgram } from "./run-program.ts";
export { sendSignal } from "./send-signal.ts";
export { sha256Hex } from "./sha256.ts";
export { temporaryOf, writeWhole, writeWholeSync } from "./whole-file.ts";
