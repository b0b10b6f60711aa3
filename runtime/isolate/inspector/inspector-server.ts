/**
 * Debuggers attach here to the functions of this node: by the discovery that Chrome and editors know (`/json/list`), and by a
 * WebSocket for each instance that speaks the Chrome DevTools Protocol. Only `narun dev --inspect` starts it.
 *
 * I1  A debugger controls the function. An instance's id, which is its address, cannot be guessed; pages of a browser are
 *     refused by their origin, and by the host that they ask for.
 * I2  An instance has one debugger at a time; the next one waits until it has gone.
 * I3  When a debugger or its instance goes, V8 forgets all breakpoints: a paused function goes on.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import type { Duplex } from "node:stream";
import { pathToFileURL } from "node:url";
import { WebSocketServer } from "ws";
import { listen } from "../../../machine/index.ts";
import { AttachedDebugger, type InspectedInstance } from "./attached-debugger.ts";

export interface InspectorServerOptions {
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** The functions' folders by their names, in which a debugger finds the author's own files. */
  folders: ReadonlyMap<string, string>;
}

export interface InspectorServer {
  /** `HOST:PORT`. */
  readonly address: string;
  /** Lets debuggers attach to an instance. */
  add(instance: InspectedInstance): void;
  /** Ends the connection of the instance's debugger, and takes no other one. */
  remove(instance: string): void;
  /** A message of an instance's inspector. */
  receive(instance: string, message: string): void;
  close(): Promise<void>;
}

/** Upper bound of a debugger's message. The chunks of a heap snapshot are far smaller. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** A page of a browser has another origin; DevTools themselves are not a page. */
const OWN_ORIGIN = /^(?:devtools|chrome-devtools|vscode-webview|chrome-extension):\/\//;

/** Error: ADDRESS_IN_USE. */
export async function startInspectorServer(options: InspectorServerOptions): Promise<InspectorServer> {
  const { folders } = options;
  const instances = new Map<string, InspectedInstance>();
  const attached = new Map<string, AttachedDebugger>();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  const server = createServer();
  await listen(server, options, "--inspect");
  const bound = server.address() as AddressInfo;
  const address = `${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;

  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const body = isAllowed(request)
      ? discover(request.url ?? "/", { address, folders, instances: [...instances.values()] })
      : undefined;
    response.writeHead(body === undefined ? 404 : 200, { "Content-Type": "application/json; charset=UTF-8" });
    response.end(body === undefined ? "" : JSON.stringify(body, undefined, 2));
  });

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const instance = instances.get(request.url?.slice(1) ?? "");
    if (instance === undefined || !isAllowed(request)) return refuse(socket, "404 Not Found");
    if (attached.has(instance.id)) return refuse(socket, "409 Conflict");
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const one = new AttachedDebugger(instance, webSocket, folders.get(instance.function));
      attached.set(instance.id, one);
      webSocket.on("message", (data) => one.take(String(data)));
      webSocket.on("error", () => webSocket.terminate());
      webSocket.on("close", () => {
        if (attached.get(instance.id) === one) leave(instance.id);
      });
    });
  });

  const leave = (id: string) => {
    attached.get(id)?.leave();
    attached.delete(id);
  };
  const detach = (id: string, why: string) => {
    const one = attached.get(id);
    leave(id);
    one?.close(why);
  };
  return {
    address,
    add: (instance) => void instances.set(instance.id, instance),
    remove(id) {
      instances.delete(id);
      detach(id, "the instance ends");
    },
    receive: (id, message) => attached.get(id)?.receive(message),
    async close() {
      for (const id of [...attached.keys()]) detach(id, "the inspector stops");
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      for (const socket of sockets.clients) socket.terminate();
      await closed;
    },
  };
}

interface Discovered {
  address: string;
  folders: ReadonlyMap<string, string>;
  instances: readonly InspectedInstance[];
}

function discover(path: string, { address, folders, instances }: Discovered): unknown {
  switch (path.replace(/[?#].*$/, "").replace(/\/$/, "")) {
    case "/json/version":
      return { Browser: "narun", "Protocol-Version": "1.3" };
    case "/json":
    case "/json/list":
      return instances.map(({ id, function: name, revision }) => ({
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
  // The owner of a name may make it point here; an address cannot.
  const isOwnHost = host === "localhost" || host.endsWith(".localhost") || isIP(host) !== 0;
  return isOwnHost && (headers.origin === undefined || OWN_ORIGIN.test(headers.origin));
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
