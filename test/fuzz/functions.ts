/** The functions that the fuzz calls: sources and configurations by name. */

/** Answers with the query, which identifies the request, and the length of the body. */
const echo = `
  export default async (request) => {
    const { byteLength } = await request.arrayBuffer();
    return new Response(new URL(request.url).search.slice(1) + " " + byteLength);
  };
`;

const slow = echo.replace("return", "await new Promise((resolve) => setTimeout(resolve, 5));\n    return");

const socket = `
  export default (request) => {
    if (request.headers.get("upgrade") !== "websocket") return new Response("", { status: 426 });
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.close(1000);
    return new Response(null, { status: 101, webSocket: client });
  };
`;

interface FuzzedFunction {
  source: string;
  config: Record<string, unknown>;
}

const scale = { concurrency: 100 };

export const FUNCTIONS: Readonly<Record<string, FuzzedFunction>> = {
  fn: { source: echo, config: { scale } },
  slow: { source: slow, config: { scale } },
  socket: { source: socket, config: { scale } },
  "only-get": { source: echo, config: { routes: [{ path: "/only-get", methods: ["GET"] }] } },
};
