export type { ByteKv, KvWrite } from "./byte-kv.ts";
export { openByteKv } from "./byte-kv.ts";
export { type ByteObjects, type ObjectFacts, openByteObjects } from "./byte-objects.ts";
export {
  connectNats,
  type Nats,
  type NatsOptions,
  type Subscription,
} from "./connection.ts";
export { lockDataDir } from "./data-lock.ts";
export {
  type DiscoveredService,
  type DiscoveredStats,
  discoverServices,
  discoverStats,
} from "./discovery.ts";
export { appendHeader, createHeaders, type Headers, headerValue, isHeaderSafe } from "./headers.ts";
export type { KvChange, KvRead, TypedKv } from "./kv.ts";
export { MAX_KEY_BYTES } from "./kv-keys.ts";
export { Ledger } from "./ledger.ts";
export { purgeLeftovers } from "./leftovers.ts";
export { followNodes, type LiveNodes } from "./live-nodes.ts";
export { ensureLogHistory, readLogs } from "./log-history.ts";
export {
  followLogin,
  hasIdentity,
  type LoginPart,
  type LoginTexts,
  type NatsLogin,
} from "./login.ts";
export type { Message } from "./message.ts";
export { type MicroEndpoint, type MicroService, registerMicroService } from "./micro-service.ts";
export { isNodeAlive } from "./node-alive.ts";
export { type ClaimingState, claimNode, type NodeClaim } from "./node-claim.ts";
export { type ContentStore, sha256Hex } from "./objects.ts";
export { makeOwnFolder } from "./own-folder.ts";
export { refusalOf } from "./permissions.ts";
export { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";
export { NoReplyError } from "./request.ts";
export type { PendingReply } from "./requester.ts";
export { generateSecretsKey, parseSecretsKey, type SecretsKey } from "./secrets.ts";
export { findNatsServer, userCacheDir } from "./server/find.ts";
export type { ServerProgress } from "./server/server-source.ts";
export { type NatsServer, startNatsServer } from "./server/start.ts";
export { parseServers } from "./server-addresses.ts";
export { findStuckStreams } from "./storage-check.ts";
export { storeProblem } from "./store-problem.ts";
export {
  openBinaries,
  openNodeStates,
  openRevisions,
  openSecrets,
  openSpecs,
  specOfManifest,
} from "./stores.ts";
export { Answering, type AnsweringOptions } from "./streams/answering.ts";
export {
  Asking,
  type BodyRest,
  type ResponseBody,
} from "./streams/asking.ts";
export { callService, type ServiceReply, type StreamParts } from "./streams/call.ts";
export { frameOf } from "./streams/frames.ts";
export { Pace } from "./streams/pace.ts";
export { createPeers, type Peers } from "./streams/peers.ts";
export { createStreamPresence, type StreamPresence } from "./streams/presence.ts";
export { type StreamEnd, StreamReceiver } from "./streams/receiver.ts";
export { StreamSender, type StreamSenderOptions } from "./streams/sender.ts";
export { timeLeftOf, timeLeftUntil } from "./time-left.ts";
export { createTurns } from "./turns.ts";
