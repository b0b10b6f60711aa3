/**
 * `narun/protocol`: the protocols between programs and managers of Runtara 1.4 and their servers: messages, frames, and a client
 * and a server over QUIC. A frame has the bytes of one message (`instanceRpc`, `environmentRpc`). Unknown fields stay in messages.
 */

export {
  ConnectionLostError,
  createProtocolClient,
  type ProtocolCallOptions,
  type ProtocolClient,
  type ProtocolClientOptions,
} from "./client.ts";
export * as environment from "./environment_pb.ts";
export {
  encodeFrame,
  FRAME_HEAD_BYTES,
  FrameReader,
  type FrameReaderOptions,
  type FrameType,
  frameTypes,
  isProtocolFault,
  MAX_PAYLOAD_BYTES,
  type ProtocolFault,
  type ProtocolFrame,
} from "./frames.ts";
export * as instance from "./instance_pb.ts";
export { DENO_VERSION, type FindDenoOptions, findDeno } from "./quic/find-deno.ts";
export type { Address } from "./quic/pipe.ts";
export {
  type EnvironmentRequest,
  type EnvironmentResponse,
  environmentRpc,
  type InstanceRequest,
  type InstanceResponse,
  instanceRpc,
} from "./rpc.ts";
export {
  type ProtocolAnswer,
  type ProtocolCall,
  type ProtocolServer,
  type ProtocolServerOptions,
  startProtocolServer,
} from "./server.ts";
