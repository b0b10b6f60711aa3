/**
 * WebSockets of worker platforms. The types of browsers and of Node lack them. An import of any type of this package
 * declares them.
 */

/**
 * The two ends of a WebSocket. A handler gives the first end to the client, by
 * `new Response(null, { status: 101, webSocket: client })`. It keeps the second end and calls its `accept()`.
 */
export interface WebSocketPair {
  readonly 0: WebSocket;
  readonly 1: WebSocket;
}

declare global {
  var WebSocketPair: new () => WebSocketPair;

  interface WebSocket {
    /** Begins to deliver messages. Add listeners first: earlier messages arrive at once. */
    accept(): void;
  }

  interface ResponseInit {
    /**
     * With status 101: the client's end of a `WebSocketPair`. Node's types of `Response` do not use this interface; with them,
     * name the type (`const upgrade: ResponseInit = { status: 101, webSocket }`).
     */
    webSocket?: WebSocket;
  }
}
