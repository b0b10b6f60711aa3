import type { Handler } from "narun";
import page from "./page.html";

/** The sockets in the room. Each instance has its own room, so narun.yaml keeps one instance alone. */
const room = new Set<WebSocket>();

/** Serves a page, and a WebSocket that repeats each message to all in the room. */
export const GET: Handler = (request) => {
  if (request.headers.get("upgrade") !== "websocket") {
    return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
  }
  const { 0: client, 1: server } = new WebSocketPair();
  server.addEventListener("message", ({ data }) => say(String(data)));
  server.addEventListener("close", () => {
    room.delete(server);
    say(`somebody left, ${room.size} stay`);
  });
  server.accept();
  room.add(server);
  say(`somebody came, ${room.size} are here`);
  const upgrade: ResponseInit = { status: 101, webSocket: client };
  return new Response(null, upgrade);
};

function say(text: string): void {
  for (const socket of room) socket.send(text);
}
