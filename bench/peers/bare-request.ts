/**
 * Requests of NATS without narun: `server` answers on a subject; `client` asks it, so many at a time for so many seconds, and prints
 * the rate. Each is a process, as the two services beside them are not in the process of the bench.
 */
import { connect } from "@nats-io/transport-node";

const [, , role, servers = "", subject = "bare.add", atOnce = "1", seconds = "1"] = process.argv;
const nats = await connect({ servers });

if (role === "server") {
  nats.subscribe(subject, {
    callback(_error, message) {
      const { a, b } = message.json<{ a: number; b: number }>();
      message.respond(JSON.stringify({ sum: a + b }));
    },
  });
  await nats.flush();
  process.stdout.write("ready\n");
} else {
  const endsAt = performance.now() + Number(seconds) * 1_000;
  const startedAt = performance.now();
  let calls = 0;
  const ask = async () => {
    for (let a = 0; performance.now() < endsAt; a += 1) {
      const reply = await nats.request(subject, JSON.stringify({ a, b: 1 }), { timeout: 30_000 });
      if (reply.json<{ sum: number }>().sum !== a + 1) throw new Error("a wrong sum");
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: Number(atOnce) }, ask));
  process.stdout.write(`${(calls * 1_000) / (performance.now() - startedAt)}\n`);
  await nats.close();
}
