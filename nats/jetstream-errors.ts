/** JetStream's own error codes (nats-server, server/errors.json), and NATS' statuses of a reply. */
import { JetStreamApiError } from "@nats-io/jetstream";

export const JetStreamCode = {
  noPeersForPlacement: 10005,
  temporarilyUnavailable: 10008,
  notLeader: 10009,
  noResources: 10023,
  consumerNotFound: 10014,
  consumersLimit: 10026,
  notEnabledForAccount: 10039,
  noStorage: 10047,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  subjectsOverlap: 10065,
  wrongLastSequence: 10071,
  notClustered: 10074,
  consumerExists: 10148,
  /** A message of the same id is being stored. */
  duplicateNow: 10158,
  notEnabled: 10076,
  streamFull: 10077,
  streamOffline: 10118,
  consumerOffline: 10119,
  /** A write of the same subject is under way: in a stream with copies it takes its time. */
  wrongLastSequenceNow: 10164,
  ttlDisabled: 10166,
} as const;

export type JetStreamCode = (typeof JetStreamCode)[keyof typeof JetStreamCode];

/** Whether JetStream answered with one of these codes. */
export function hasJetStreamCode(error: unknown, ...codes: JetStreamCode[]): boolean {
  return error instanceof JetStreamApiError && (codes as number[]).includes(error.code);
}

/** The stream does not exist: its bucket, store or log is missing. */
export function isStreamMissing(error: unknown): boolean {
  return hasJetStreamCode(error, JetStreamCode.streamNotFound);
}

/** A compare-and-set lost against another write, or against one that is under way. */
export function isConflict(error: unknown): boolean {
  return hasJetStreamCode(error, JetStreamCode.wrongLastSequence, JetStreamCode.wrongLastSequenceNow);
}

/** JetStream has no room: of resources, of storage, or in the bounds of a stream. */
export function isWithoutRoom(error: unknown): boolean {
  const { noResources, noStorage, streamFull } = JetStreamCode;
  return hasJetStreamCode(error, noResources, noStorage, streamFull);
}

/** HTTP status of a JetStream error that passes by itself. */
export const UNAVAILABLE_STATUS = 503;

/** NATS' status of a reply where no subscription has the subject. */
export const NO_RESPONDERS_STATUS = 503;
