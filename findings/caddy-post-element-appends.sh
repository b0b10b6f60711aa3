#!/bin/sh
# Packages: Caddy 2.6.2 (Debian's package 2.6.2-5)
# Guess: POST to the admin API at the path of an object creates or replaces that object, as its page says; only
#   a path that names an array appends.
# Behaviour: when the object is an element of an array, by its index or by its @id, POST appends to the array
#   around it: status 200, the old element stays. A body that keeps its @id leaves two with that @id.
# Consequence: a script that updates routes by POST /id/... adds a route behind the old one at each run, and the
#   old one goes on to answer: replace elements by PATCH.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > POST routes/0: 200; routes old (@id first), new 1 (@id none); the site answers old
# > POST /id/first: 200; routes old (@id first), new 1 (@id none), new 2 (@id first); the site answers old
# > POST servers/demo: 200; routes new 3 (@id first); the site answers new 3
# > PATCH routes/0: 200; routes new 4 (@id first); the site answers new 4

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
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}
const [admin, site] = [await freePort(), await freePort()];
const answer = (body, id) => ({ "@id": id, handle: [{ handler: "static_response", body }] });
const servers = { demo: { listen: [`127.0.0.1:${site}`], automatic_https: { disable: true }, routes: [answer("old", "first")] } };
writeFileSync("config.json", JSON.stringify({ admin: { listen: `127.0.0.1:${admin}` }, apps: { http: { servers } } }));
const caddy = spawn("usr/bin/caddy", ["run", "--config", "config.json"], { stdio: "ignore", env: { HOME: process.cwd() } });
process.on("exit", () => caddy.kill());
const call = async (port, path, method = "GET", body = undefined) => {
  const headers = { "content-type": "application/json", connection: "close" };
  const answered = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, body: body && JSON.stringify(body) });
  return { status: answered.status, text: await answered.text() };
};
for (let tries = 0; tries < 300 && !(await call(admin, "/config/").then(() => true, () => false)); tries++) await sleep(50);

const routes = "/config/apps/http/servers/demo/routes";
const handled = ({ handle: [{ body }] }) => body;
async function show(name, { status }) {
  const now = JSON.parse((await call(admin, routes)).text).map((route) => `${handled(route)} (@id ${route["@id"] ?? "none"})`);
  console.log(`${name}: ${status}; routes ${now.join(", ")}; the site answers ${(await call(site, "/")).text}`);
}
await show("POST routes/0", await call(admin, `${routes}/0`, "POST", answer("new 1")));
await show("POST /id/first", await call(admin, "/id/first", "POST", answer("new 2", "first")));
await show("POST servers/demo", await call(admin, "/config/apps/http/servers/demo", "POST", { ...servers.demo, routes: [answer("new 3", "first")] }));
await show("PATCH routes/0", await call(admin, `${routes}/0`, "PATCH", answer("new 4", "first")));
caddy.kill();
END

node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
