export { makeOwnFolder } from "../machine/own-folder.ts";
export { identifyProcess, isRunning, type ProcessIdentity } from "../machine/process-identity.ts";
export { lockDataDir } from "../nats-server/data-lock.ts";
export { findNatsServer, userCacheDir } from "../nats-server/find.ts";
export type { ServerProgress } from "../nats-server/server-source.ts";
export { type NatsServer, startNatsServer } from "../nats-server/start.ts";
export { Answering, type AnsweringOptions } from "../streams/answering.ts";
export {
  Asking,
  type BodyRest,
  type ResponseBody,
} from "../streams/asking.ts";
export { callService, type ServiceReply, type StreamParts } from "../streams/call.ts";
export { frameOf } from "../streams/frames.ts";
export { Pace } from "../streams/pace.ts";
export { createPeers, type Peers } from "../streams/peers.ts";
export { createStreamPresence, type StreamPresence } from "../streams/presence.ts";
export { type StreamEnd, StreamReceiver } from "../streams/receiver.ts";
export { StreamSender, type StreamSenderOptions } from "../streams/sender.ts";
export {
  connectNats,
  type Nats,
  type NatsOptions,
  type Subscription,
} from "./connection.ts";
export {
  type DiscoveredService,
  type DiscoveredStats,
  discoverServices,
  discoverStats,
} from "./discovery.ts";
export { appendHeader, createHeaders, type Headers, headerValue, isHeaderSafe } from "./headers.ts";
export type { ByteKv, KvWrite } from "./kv/byte-kv.ts";
export { openByteKv } from "./kv/byte-kv.ts";
export type { KvChange, KvRead, TypedKv } from "./kv/kv.ts";
export { MAX_KEY_BYTES } from "./kv/kv-keys.ts";
export { Ledger } from "./ledger/ledger.ts";
export { followNodes, type LiveNodes } from "./live-nodes.ts";
export { ensureLogHistory, readLogs } from "./log-history.ts";
export {
  followLogin,
  hasIdentity,
  type LoginPart,
  type LoginTexts,
  type NatsLogin,
} from "./login/login.ts";
export type { Message } from "./message.ts";
export { type MicroEndpoint, type MicroService, registerMicroService } from "./micro-service.ts";
export { isNodeAlive } from "./node-alive.ts";
export { type ClaimingState, claimNode, type NodeClaim } from "./node-claim.ts";
export { type ByteObjects, type ObjectFacts, openByteObjects } from "./objects/byte-objects.ts";
export { purgeLeftovers } from "./objects/leftovers.ts";
export { type ContentStore, sha256Hex } from "./objects/objects.ts";
export { refusalOf } from "./permissions.ts";
export { NoReplyError } from "./request.ts";
export type { PendingReply } from "./requester.ts";
export { generateSecretsKey, parseSecretsKey, type SecretsKey } from "./secrets.ts";
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
export { timeLeftOf, timeLeftUntil } from "./time-left.ts";
export { createTurns } from "./turns.ts";
