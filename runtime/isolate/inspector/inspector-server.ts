/**
 * Where debuggers attach to the functions of this node: the discovery that Chrome and editors know (`/json/list`), and a
 * WebSocket for each instance that speaks the Chrome DevTools Protocol. Only `narun dev --inspect` starts it.
 *
 * I1  Whoever attaches controls the function. An instance's id, which is its address, cannot be guessed; pages of a
 *     browser are refused by their origin, and by the host that they ask for.
 * I2  One debugger for an instance at a time; the next one waits until it has gone.
 * I3  When a debugger or its instance goes, V8 is told to forget what was set: a paused function goes on.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import type { Duplex } from "node:stream";
import { pathToFileURL } from "node:url";
import { type WebSocket, WebSocketServer } from "ws";
import { NarunError } from "../../../contracts/index.ts";
import { createInspectorDialect, GOODBYE, sourceMapUrl } from "./inspector-messages.ts";

/** An instance that a debugger may attach to. */
export interface InspectedInstance {
  id: string;
  function: string;
  revision: string;
}

export interface InspectorServerOptions {
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** The functions' folders by their names: debuggers show the author's own files then. */
  folders: ReadonlyMap<string, string>;
  instances(): readonly InspectedInstance[];
  /** Sends a message to V8's inspector of an instance. */
  send(instance: string, message: string): void;
  sourceMapOf(revision: string): Promise<Uint8Array | undefined>;
}

export interface InspectorServer {
  /** `HOST:PORT`. */
  readonly address: string;
  /** A message of an instance's inspector. */
  receive(instance: string, message: string): void;
  /** Instances have come or gone: whoever is attached to one that has is told. */
  refresh(): void;
  close(): Promise<void>;
}

interface Attached {
  socket: WebSocket;
  fromIsolate(message: string): void;
  leave(): void;
}

/** A heap snapshot's chunks are far smaller; what a debugger sends is smaller still. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** A page of a browser has another origin; DevTools themselves are not a page. */
const OWN_ORIGIN = /^(?:devtools|chrome-devtools|vscode-webview|chrome-extension):\/\//;

/** Error: ADDRESS_IN_USE. */
export async function startInspectorServer(options: InspectorServerOptions): Promise<InspectorServer> {
  const attached = new Map<string, Attached>();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  const server = createServer();
  const address = await listen(server, options);

  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const body = isAllowed(request) ? discover(request.url ?? "/", address, options) : undefined;
    response.writeHead(body === undefined ? 404 : 200, { "Content-Type": "application/json; charset=UTF-8" });
    response.end(body === undefined ? "" : JSON.stringify(body, undefined, 2));
  });

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const id = request.url?.slice(1);
    const instance = options.instances().find((candidate) => candidate.id === id);
    if (instance === undefined || !isAllowed(request)) return refuse(socket, "404 Not Found");
    if (attached.has(instance.id)) return refuse(socket, "409 Conflict");
    sockets.handleUpgrade(request, socket, head, (ws) => attach(instance, ws));
  });

  const attach = (instance: InspectedInstance, socket: WebSocket) => {
    // What comes before the source map is here waits for it: V8's first answers name the scripts.
    const early: string[] = [];
    let take = (text: string): void => void early.push(text);
    const one: Attached = {
      socket,
      fromIsolate: () => undefined,
      leave() {
        if (attached.get(instance.id) !== one) return;
        attached.delete(instance.id);
        for (const message of GOODBYE) options.send(instance.id, message);
      },
    };
    attached.set(instance.id, one);
    socket.on("message", (data) => take(String(data)));
    socket.on("close", one.leave);
    socket.on("error", () => socket.terminate());
    void dialectFor(instance, options).then((dialect) => {
      one.fromIsolate = (message) => {
        const text = dialect.fromIsolate(message);
        if (text !== undefined) socket.send(text);
      };
      take = (text) => {
        if (attached.get(instance.id) !== one) return;
        const message = dialect.fromDebugger(text);
        if (message !== undefined) options.send(instance.id, message);
      };
      for (const text of early.splice(0)) take(text);
    });
  };

  const detach = (instance: string, code: number, why: string) => {
    const one = attached.get(instance);
    one?.leave();
    one?.socket.close(code, why);
  };
  return {
    address,
    receive: (instance, message) => attached.get(instance)?.fromIsolate(message),
    refresh() {
      const ids = new Set(options.instances().map(({ id }) => id));
      for (const id of [...attached.keys()]) if (!ids.has(id)) detach(id, 1001, "the instance ends");
    },
    async close() {
      for (const instance of [...attached.keys()]) detach(instance, 1001, "the inspector stops");
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      for (const socket of sockets.clients) socket.terminate();
      await closed;
    },
  };
}

async function dialectFor(
  instance: InspectedInstance,
  { folders, sourceMapOf, send }: InspectorServerOptions,
) {
  const folder = folders.get(instance.function);
  const base = folder === undefined ? `narun:///${instance.function}` : pathToFileURL(folder).href;
  const map = await sourceMapOf(instance.revision).catch(() => undefined);
  return createInspectorDialect({
    name: instance.function,
    sourceMapUrl: map === undefined ? undefined : sourceMapUrl(map, base),
    send: (message) => send(instance.id, message),
  });
}

function discover(path: string, address: string, { instances, folders }: InspectorServerOptions): unknown {
  switch (path.replace(/[?#].*$/, "").replace(/\/$/, "")) {
    case "/json/version":
      return { Browser: "narun", "Protocol-Version": "1.3" };
    case "/json":
    case "/json/list":
      return instances().map(({ id, function: name, revision }) => ({
        id,
        type: "node",
        title: `${name} (${revision.slice(0, 12)})`,
        description: "narun function",
        url: pathToFileURL(folders.get(name) ?? `/${name}`).href,
        webSocketDebuggerUrl: `ws://${address}/${id}`,
        devtoolsFrontendUrl: `devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws=${address}/${id}`,
      }));
  }
  return undefined;
}

function isAllowed({ headers }: IncomingMessage): boolean {
  const host = (headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  // A name may be made to point here by whoever owns it; an address cannot.
  const isOwnHost = host === "localhost" || host.endsWith(".localhost") || isIP(host) !== 0;
  return isOwnHost && (headers.origin === undefined || OWN_ORIGIN.test(headers.origin));
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

async function listen(server: Server, { host, port }: InspectorServerOptions): Promise<string> {
  const failed = Promise.withResolvers<never>();
  server.once("error", (error: NodeJS.ErrnoException) =>
    failed.reject(
      error.code === "EADDRINUSE"
        ? new NarunError("ADDRESS_IN_USE", { detail: `--inspect ${host}:${port}` }, { cause: error })
        : error,
    ),
  );
  const listening = once(server, "listening");
  server.listen(port, host);
  await Promise.race([listening, failed.promise]);
  const bound = server.address() as AddressInfo;
  return `${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;
}
