export { type Calls, hasCalls, openCalls } from "./calls/calls.ts";
export { dropCalls } from "./calls/drop-calls.ts";
export { lookAfterChanges } from "./cluster-looks.ts";
export { connectNats, type Nats, type NatsOptions } from "./connection.ts";
export { findCopies, keepCopies, MAX_COPIES } from "./copies.ts";
export {
  type DiscoveredService,
  type DiscoveredStats,
  discoverServices,
  discoverStats,
} from "./discovery.ts";
export type { Registration } from "./door/discovery-answer.ts";
export { type Door, openDoor } from "./door/door.ts";
export { consumerName } from "./door/guest-connection.ts";
export type { GuestMessage, TraceGuest } from "./door/guest-message.ts";
export { createGuestRules, type GuestRules, guardedRules, openRules } from "./door/guest-rules.ts";
export { type DueQueue, type DueWork, openDueQueue, UNTOLD_MS } from "./due/due-queue.ts";
export { readNews, type StoredEvent } from "./events/event-message.ts";
export { type Events, openEvents } from "./events/events.ts";
export { type EventStart, type FollowedItem, followEvents } from "./events/follow-events.ts";
export { nextEvent } from "./events/next-event.ts";
export { failMessage, formOfReply, type ReplyForm } from "./failed-message.ts";
export { appendHeader, createHeaders, type Headers, headerValue, isHeaderSafe } from "./headers.ts";
export { claimsIn, keyPairOf, roleOfLogin } from "./identity/claims.ts";
export {
  askToJoin,
  checkJoin,
  createJoinToken,
  fingerprintInToken,
  readJoinToken,
} from "./identity/join-token.ts";
export {
  type AccountKeys,
  AccountKeysSchema,
  type AccountLimits,
  accountJwt,
  createAccountKeys,
  createLogin,
  createNetworkKeys,
  goneJwt,
  keeperLogin,
  type LoginOptions,
  NetworkKeysSchema,
  publicOf,
  type RoleKey,
  randomName,
  roleKey,
  type ServerIdentity,
  serverIdentity,
  systemLogin,
} from "./identity/network.ts";
export { claimsTime, pushClaims } from "./identity/resolver.ts";
export {
  dropEnded,
  endFormer,
  isUserKey,
  revokeUser,
  rotateRole,
  withPresentRights,
} from "./identity/rotation.ts";
export { Absences } from "./journals/absences.ts";
export { type DueMessage, DueMessages } from "./journals/due-messages.ts";
export { ensureJournals } from "./journals/ensure-journals.ts";
export { Journals, toMessage, type WorkflowName } from "./journals/journal.ts";
export { JournalClock } from "./journals/journal-clock.ts";
export { lastInputs, lastRecords } from "./journals/last-records.ts";
export { type ByteKv, type KvWrite, openByteKv } from "./kv/byte-kv.ts";
export type { TypedKv } from "./kv/kv.ts";
export { MAX_KEY_BYTES } from "./kv/kv-keys.ts";
export type { KvChange, KvRead } from "./kv/kv-read.ts";
export { lastStatus } from "./last-status.ts";
export { askAll, askOne } from "./ledger/ask.ts";
export {
  ABSENT_MS,
  createInquiries,
  type InquiredState,
  type Inquiries,
} from "./ledger/inquiries.ts";
export { Ledger } from "./ledger/ledger.ts";
export type { NotedRequest } from "./ledger/noted-request.ts";
export { type DeadLetters, openDeadLetters, type StoredLetter } from "./letters/dead-letters.ts";
export { followNodes, type LiveNodes } from "./live-nodes.ts";
export { ensureLogHistory, type HistoryEntry, readEvents, readLogs } from "./log-history.ts";
export {
  followLogin,
  hasIdentity,
  type LoginPart,
  type LoginTexts,
  type NatsLogin,
  withoutIdentity,
} from "./login/login.ts";
export { makeStores } from "./make-stores.ts";
export { isNoResponders, type Message } from "./message.ts";
export {
  type MicroEndpoint,
  type MicroService,
  type RequestCounter,
  registerMicroService,
} from "./micro-service.ts";
export { isNodeAlive } from "./node-alive.ts";
export { type ClaimingState, claimNode, type NodeClaim } from "./node-claim.ts";
export { type ByteObjects, openByteObjects } from "./objects/byte-objects.ts";
export { purgeLeftovers } from "./objects/leftovers.ts";
export type { ContentStore } from "./objects/objects.ts";
export type { ObjectFacts } from "./objects/open-store.ts";
export type { Chunk, ChunkPosition } from "./objects/read-chunks.ts";
export { watchObjects } from "./objects/watch-objects.ts";
export { refusalOf } from "./permissions.ts";
export {
  type ConsumerOutcome,
  type DurableConsumer,
  ensureConsumer,
  removeConsumer,
} from "./pull/durable-consumer.ts";
export { eventConsumersOf, listEventOwners, removeEventConsumers } from "./pull/event-consumers.ts";
export { createGivenBack, type GivenBack } from "./pull/given-back.ts";
export { Pull } from "./pull/pull.ts";
export type { PulledMessage } from "./pull/pulled-message.ts";
export {
  findQueueProblems,
  type QueueProblem,
  queueConsumersOf,
  removeQueueConsumers,
} from "./pull/queue-consumers.ts";
export { openRecords, type Records, type StoredRecord } from "./records/records.ts";
export { removeAllStreams } from "./remove-streams.ts";
export { NoReplyError } from "./request.ts";
export type { PendingReply } from "./requester.ts";
export {
  findSchedules,
  keyOf,
  openSchedules,
  type ScheduleMessages,
  type ScheduleStore,
  type StoredSchedule,
} from "./schedules/schedule-store.ts";
export { generateSecretsKey, parseSecretsKey, type SecretsKey, splitSecretsKeys } from "./secrets.ts";
export { parseServers } from "./server-addresses.ts";
export { isRecentServer } from "./server-version.ts";
export { findStuckStreams } from "./storage-check.ts";
export { storeProblem } from "./store-problem.ts";
export {
  openBinaries,
  openKeyTexts,
  openNodeStates,
  openRevisions,
  openSealedRecords,
  openSecrets,
  openSpecs,
  openToolKeys,
  specOfManifest,
} from "./stores.ts";
export type { SubjectSet } from "./subject-set.ts";
export type { Subscription } from "./subscriptions.ts";
export { type Lease, OWNED } from "./transport/read-buffers.ts";
export type { FrameSink } from "./transport/splitter.ts";
export type { NatsTransport } from "./transport/wire.ts";
export { createTurns } from "./turns.ts";
