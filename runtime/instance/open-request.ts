import type { Message } from "../../nats/index.ts";
import type { Exchange } from "./exchange.ts";
import type { BodySender } from "./send-body.ts";
import type { Socket } from "./socket.ts";

/** A request that is not over (open-requests.ts). */
export interface Open {
  requestId: string;
  method: string;
  /** For how long its answer is waited for. */
  timeoutMs: number;
  /** By `performance.now()`. */
  takenAtMs: number;
  hops: number;
  timer: NodeJS.Timeout;
  message: Message;
  exchange: Exchange | undefined;
  /** The isolate has said what the answer is. */
  isAnswered: boolean;
  /** Set while the answer's body comes from the isolate, or goes out in frames. */
  body: BodySender | undefined;
  /** The answer is an event stream: it ends when somebody ends it. */
  isEndless: boolean;
  socket: Socket | undefined;
  done: (error?: string) => void;
}
