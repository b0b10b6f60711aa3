/**
 * `narun/protocol`: the protocols between programs and managers of Runtara 1.4 and their servers, without I/O. A message is
 * `toBinary(instance.RpcRequestSchema, …)` of `@bufbuild/protobuf` in a frame. Unknown fields stay in messages.
 */
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
