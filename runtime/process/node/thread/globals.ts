/** The globals of workers that Node lacks: `WebSocketPair`, and `Response` with the status 101. */
import { ServerSocket } from "../../../handler/server-socket.ts";
import { answerWith } from "../../../handler/upgrade.ts";

/** The server's end of the pair that a client's end belongs to. */
const servers = new WeakMap<object, ServerSocket>();

/** A pair of which the handler keeps the second end. The first one can only be given to a response. */
class WebSocketPair {
  readonly 0: object;
  readonly 1: ServerSocket;

  constructor() {
    this[0] = Object.freeze({ accept: () => undefined });
    this[1] = new ServerSocket();
    servers.set(this[0], this[1]);
  }

  *[Symbol.iterator](): Generator<object> {
    yield this[0];
    yield this[1];
  }
}

const SWITCHING_PROTOCOLS = 101;

export function installGlobals(): void {
  const Plain = globalThis.Response;
  class UpgradingResponse extends Plain {
    readonly webSocket: object | null = null;

    constructor(body?: ConstructorParameters<typeof Plain>[0], init: UpgradeInit = {}) {
      const server = init.webSocket == null ? undefined : servers.get(init.webSocket);
      if (init.status !== SWITCHING_PROTOCOLS || server === undefined) {
        super(body, init);
        return;
      }
      const { webSocket = null, status: _, ...rest } = init;
      super(null, rest);
      this.webSocket = webSocket;
      Object.defineProperty(this, "status", { value: SWITCHING_PROTOCOLS });
      answerWith(this, server);
    }
  }
  Object.defineProperty(UpgradingResponse, "name", { value: "Response" });
  // Responses of `fetch` are instances, too.
  Object.defineProperty(UpgradingResponse, Symbol.hasInstance, {
    value: (value: unknown) => value instanceof Plain,
  });
  Object.assign(globalThis, { Response: UpgradingResponse, WebSocketPair });
}

type UpgradeInit = ResponseInit & { webSocket?: object | null };
