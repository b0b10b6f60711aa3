export { bytesLeft } from "./bytes-left.ts";
export { callService, type ServiceReply, type StreamParts } from "./call.ts";
export type { AskerChannel } from "./channel.ts";
export { collectBody } from "./collect-body.ts";
export {
  CreditGate,
  CreditWindow,
  MAX_WAITING_BYTES,
  type Piece,
  RESPONSE_WINDOW_BYTES,
  WINDOW_BYTES,
} from "./credit.ts";
export { IncomingExchange, type IncomingExchangeOptions } from "./incoming-exchange.ts";
export type { Arrived } from "./link.ts";
export { frameOf, NatsAnswerer, NatsAsker } from "./nats-channel.ts";
export { createOpenCalls, type OpenCalls } from "./open-calls.ts";
export { OutgoingExchange, type RemainingBody, type ResponseBody } from "./outgoing-exchange.ts";
export { Pace } from "./pace.ts";
export { createPeers, type Peers } from "./peers.ts";
export { createStreamPresence, type StreamPresence } from "./presence.ts";
export { type StreamEnd, StreamReceiver } from "./receiver.ts";
export { StreamSender, type StreamSenderOptions } from "./sender.ts";
export { type FramePort, SocketChannel } from "./socket-channel.ts";
