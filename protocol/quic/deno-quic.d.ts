/** What the QUIC process uses of Deno 2.9 (`--unstable-net`). */
declare namespace Deno {
  const stdin: { readonly readable: ReadableStream<Uint8Array> };
  const stdout: { readonly writable: WritableStream<Uint8Array> };
  function exit(code: number): never;

  interface TransportOptions {
    keepAliveInterval?: number;
    maxIdleTimeout?: number;
    maxConcurrentBidirectionalStreams?: number;
    maxConcurrentUnidirectionalStreams?: number;
  }
  interface NetAddr {
    hostname: string;
    port: number;
  }
  interface CloseInfo {
    closeCode: number;
    reason: string;
  }
  interface BidirectionalStream {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
  }
  interface QuicConn {
    close(info?: CloseInfo): void;
    createBidirectionalStream(options?: { waitUntilAvailable?: boolean }): Promise<BidirectionalStream>;
    readonly remoteAddr: NetAddr;
    readonly closed: Promise<CloseInfo>;
    readonly incomingBidirectionalStreams: ReadableStream<BidirectionalStream>;
  }
  interface QuicIncoming {
    accept(): Promise<QuicConn>;
  }
  interface QuicListener {
    incoming(): Promise<QuicIncoming>;
    stop(): void;
  }
  class QuicEndpoint {
    constructor(options?: { hostname?: string; port?: number });
    readonly addr: NetAddr;
    listen(options: TransportOptions & { alpnProtocols: string[]; key: string; cert: string }): QuicListener;
    close(info?: CloseInfo): void;
  }
  function connectQuic(
    options: TransportOptions & {
      hostname: string;
      port: number;
      serverName?: string;
      alpnProtocols: string[];
      caCerts?: string[];
      /** Undocumented in 2.9: the certificates that are taken, whoever signed them. */
      serverCertificateHashes?: { algorithm: "sha-256"; value: Uint8Array }[];
    },
  ): Promise<QuicConn>;
}
