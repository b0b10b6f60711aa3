/**
 * WebSockets of worker platforms, of which the types of neither browsers nor Node know. They are there for whoever imports
 * a type of this package.
 */

/**
 * Two ends of one WebSocket. A handler answers with one of them, `new Response(null, { status: 101, webSocket: client })`,
 * which becomes the client's; it keeps the other and calls its `accept()`.
 */
export interface WebSocketPair {
  readonly 0: WebSocket;
  readonly 1: WebSocket;
}

declare global {
  var WebSocketPair: new () => WebSocketPair;

  interface WebSocket {
    /** Begins to hear. What came before arrives at once, so listeners are best added first. */
    accept(): void;
  }

  interface ResponseInit {
    /**
     * With status 101: the client's end of a `WebSocketPair`. Node's types of `Response` do not look at this interface: with
     * them, name the type (`const upgrade: ResponseInit = { status: 101, webSocket }`).
     */
    webSocket?: WebSocket;
  }
}
