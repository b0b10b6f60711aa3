#!/bin/sh
# Packages: Caddy 2.6.2 (Debian's package 2.6.2-5)
# Guess: with one healthy and one failed upstream (passive health: fail_duration, max_fails) every policy
#   sends all requests to the healthy one.
# Behaviour: under parallel requests round_robin now and then (some in ten thousand) answers a 503 of its own,
#   "no upstreams available"; random does not.
# Consequence: its tries step through one shared counter, so parallel requests can make one of them meet the
#   failed upstream at each try: use random, or lb_try_duration.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > round_robin, a 503 was seen: true
# > random, a 503 was seen: false

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
apt-get download -qq caddy=2.6.2-5 >&2 || exit 2
dpkg -x caddy_*.deb . || exit 2

cat >probe.mjs <<'END'
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, request, Agent } from "node:http";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}
const upstream = createServer((_, answer) => answer.end("ok")).listen(0, "127.0.0.1");
await once(upstream, "listening");

async function count(policy, most) {
  const port = await freePort();
  writeFileSync("Caddyfile", `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  reverse_proxy 127.0.0.1:${upstream.address().port} 127.0.0.1:${await freePort()} {
    lb_policy ${policy}
    fail_duration 10m
    max_fails 1
  }
}
`);
  const caddy = spawn("usr/bin/caddy", ["run", "--config", "Caddyfile", "--adapter", "caddyfile"], {
    stdio: "ignore",
    env: { HOME: process.cwd() },
  });
  process.on("exit", () => caddy.kill());
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const send = () =>
    new Promise((resolve, reject) => {
      const sent = request({ port, host: "127.0.0.1", agent }, (answer) => {
        answer.resume().on("end", () => resolve(answer.statusCode));
      });
      sent.on("error", reject).end();
    });
  for (let tries = 0; tries < 300 && !(await send().then(() => true, () => false)); tries++) await sleep(50);
  for (let i = 0; i < 20; i++) await send();
  const seen = { requests: 0, 503: 0 };
  const client = async () => {
    while (seen.requests++ < most && seen[503] === 0) if ((await send()) === 503) seen[503]++;
  };
  await Promise.all(Array.from({ length: 32 }, client));
  agent.destroy();
  caddy.kill();
  await once(caddy, "exit");
  return seen;
}
const robin = await count("round_robin", 200_000);
console.log("round_robin, a 503 was seen:", robin[503] > 0);
console.log("random, a 503 was seen:", (await count("random", Math.max(20_000, Math.min(40_000, robin.requests * 2))))[503] > 0);
upstream.close();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
