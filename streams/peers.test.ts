import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { PEER_LOST_MS, subjects } from "../contracts/index.ts";
import { connectNats } from "../nats/connection.ts";
import { eventually } from "../test/harness/eventually.ts";
import { startTestNats } from "../test/harness/nats.ts";
import { createPeers } from "./peers.ts";

/** Publishes without end on a connection and a thread of its own. */
const publishing = (port: number, subject: string) => `
  const socket = require("node:net").connect(${port}, "127.0.0.1");
  socket.write('CONNECT {"verbose":false,"pedantic":false}\\r\\n');
  socket.resume();
  setInterval(() => socket.write("PUB ${subject} 0\\r\\n\\r\\n"), 50);
`;

/** Stops this thread. */
const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

it("a peer is not lost while its heartbeats lie unread, and is lost when it falls silent", async () => {
  await using server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "peers" });
  const subject = subjects.peerHeartbeat("alive");
  let beats = 0;
  nats.subscribe(subject, () => (beats += 1));
  await nats.flush();
  const peer = new Worker(publishing(server.port, nats.world.toWire(subject)), { eval: true });
  const peers = createPeers(nats);
  const events: string[] = [];
  try {
    peers.follow("alive", () => events.push("lost"));
    await eventually(() => expect(beats).toBeGreaterThan(0));
    // Timers come next, before the sockets are read.
    await turn();
    standStill(PEER_LOST_MS + 500);
    const before = beats;
    await eventually(() => expect(beats).toBeGreaterThan(before + 10));
    expect(events).toEqual([]);
    await peer.terminate();
    await eventually(() => expect(events).toEqual(["lost"]));
  } finally {
    peers.close();
    await peer.terminate();
    await nats.close();
  }
});
