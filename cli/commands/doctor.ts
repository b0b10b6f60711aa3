import { errorEntry, isNarunError, messageOf } from "../../contracts/index.ts";
import {
  findGatewayUrl,
  findNodes,
  findRefusingStreams,
  listFunctions,
  takesWork,
} from "../../control/index.ts";
import { connectNats, findCopies, type Nats, withoutIdentity } from "../../nats/index.ts";
import { findNatsServer, type NamedServer } from "../../nats-server/index.ts";
import { checkIsolates, lookForMeans, probeConfinement } from "../../runtime/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { type NatsAccess, resolveNats } from "../options/nats-access.ts";
import { isLoopback } from "../options/network.ts";
import type { Environment } from "../options/resolve.ts";
import { natsServer } from "../options/storage.ts";
import type { Output } from "../output/output.ts";

interface Check {
  check: string;
  ok: boolean;
  found: string;
  /** Only for an optional layer: whether it is in force. */
  inForce?: boolean;
  /** The remedy for a failed check. */
  fix?: string;
}

export const doctorCommand = defineCommand({
  usage: "doctor",
  says: "check this machine and the system for everything that narun needs",
  options: { natsServer },
  examples: [
    ["narun doctor", "exits 1 where something is missing"],
    ["narun doctor --nats nats://nats.internal", "checks another system"],
  ],
  async run(_args, { options, settings, output, environment, connect }) {
    const progress = output.progress("looking");
    const checks = (
      await Promise.all([
        checkNode(),
        checkSandbox(),
        checkConfinement(environment),
        checkPrograms(environment),
        checkServer(options.natsServer, environment),
        checkSystem(connect, resolveNats(settings)),
      ])
    ).flat();
    progress.end();
    if (checks.some(({ ok }) => !ok)) process.exitCode = 1;
    if (output.isJson) output.json(checks);
    else showChecks(output, checks);
  },
});

function showChecks(output: Output, checks: Check[]): void {
  const { dim, green, red } = output.colours;
  output.table(
    [
      { title: "CHECK", value: (row) => row.check },
      {
        title: "OK",
        value: (row) => (row.inForce === false ? "-" : row.ok ? "yes" : "no"),
        colour: (text, row) => (row.inForce === false ? dim : row.ok ? green : red)(text),
      },
      { title: "FOUND", value: (row) => row.found },
    ],
    checks,
  );
  for (const { check, ok, fix } of checks) if (!ok && fix !== undefined) output.line(`\n${check}: ${fix}`);
}

function checkNode(): Check {
  const { node } = process.versions;
  const isRecent = Number(node.split(".")[0]) >= 24;
  return { check: "Node 24 or newer", ok: isRecent, found: node, fix: "Install a newer Node." };
}

async function checkSandbox(): Promise<Check> {
  const reason = await checkIsolates();
  const fix = "Run `npm install` again, without --ignore-scripts, with the Node that runs narun.";
  return { check: "isolates (isolated-vm)", ok: reason === undefined, found: reason ?? "it loads", fix };
}

/** The confinement of host processes on this machine. */
async function checkConfinement(environment: Environment): Promise<Check[]> {
  const { bubblewrap, allowed, failure } = await probeConfinement(environment.PATH);
  const kept = "no files, no child processes, no worker threads, no inspector, an empty environment";
  return [
    {
      check: "hosts: permission model",
      ok: failure === undefined && allowed.length === 0,
      found: failure ?? (allowed.length === 0 ? kept : `still allowed: ${allowed.join(", ")}`),
      fix: "Use Node 24 or newer, whose permission model denies these.",
    },
    {
      check: "hosts: bubblewrap",
      ok: true,
      inForce: bubblewrap.path !== undefined,
      found:
        bubblewrap.path === undefined
          ? `not in force: ${bubblewrap.reason}`
          : "own user, process, IPC, host name and mount namespaces; read-only; no capabilities",
    },
    {
      check: "hosts: seccomp, Landlock, cgroups",
      ok: true,
      inForce: false,
      found: "not in force: narun does not use them",
    },
  ];
}

/** The means of this machine to enforce the limits of programs. Each is optional: a program that needs it is refused. */
async function checkPrograms(environment: Environment): Promise<Check[]> {
  const { cgroup, prlimit, setpriv, bubblewrap, isRoot } = await lookForMeans(environment.PATH ?? "");
  const row = (name: string, missing: string | undefined, found: string): Check => ({
    check: `programs: ${name}`,
    ok: true,
    inForce: missing === undefined,
    found: missing === undefined ? found : `not in force: ${missing}`,
  });
  const lacks = (path: string | undefined, program: string) =>
    path === undefined ? `${program} (util-linux) is not on the PATH` : undefined;
  const controllers = typeof cgroup === "string" ? "" : [...cgroup.controllers].join(", ");
  return [
    row(
      "memory, CPU, processes",
      typeof cgroup === "string" ? cgroup : undefined,
      `cgroup v2: ${controllers}`,
    ),
    row("memory, open files, file size", lacks(prlimit, "prlimit"), "rlimits of each process"),
    row("own users", isRoot ? lacks(setpriv, "setpriv") : "narun does not run as root", "by setpriv"),
    row("end with their runner", lacks(setpriv, "setpriv"), "at once, also where the runner is killed"),
    row(
      "own paths, no network",
      typeof bubblewrap === "string" ? bubblewrap : undefined,
      "by namespaces of bubblewrap",
    ),
  ];
}

async function checkServer(named: NamedServer | undefined, environment: Environment): Promise<Check> {
  const check = "nats-server 2.14 or newer";
  try {
    const { path, version } = await findNatsServer({ named, fetchers: [], env: environment });
    return { check, ok: true, found: `${version} at ${path}` };
  } catch (error) {
    // `narun up` uses no other binary than the named one, and fetches one where none is named.
    if (named !== undefined) {
      return { check, ok: false, found: messageOf(error), fix: `Correct ${named.by}, or unset it.` };
    }
    return { check, ok: true, found: "none yet; `narun up` fetches one" };
  }
}

async function checkSystem(connect: () => Promise<Nats>, access: NatsAccess): Promise<Check[]> {
  const check = "NATS answers";
  try {
    const nats = await connect();
    return [
      { check, ok: true, found: `${nats.serverVersion} at ${nats.url}` },
      await checkStrangers(nats, access),
      await checkGateway(nats),
      await checkNodes(nats),
      await checkFunctions(nats),
      await checkStorage(nats),
      await checkCopies(nats),
    ];
  } catch (error) {
    if (!isNarunError(error)) throw error;
    return [{ check, ok: false, found: error.message, fix: errorEntry(error.code).solve }];
  }
}

/** The copies of narun's stores, against the number that is wanted. */
async function checkCopies(nats: Nats): Promise<Check> {
  const wanted = nats.copies.copies;
  const stores = await findCopies(nats);
  const few = stores.filter(({ copies }) => copies < wanted);
  const behind = stores.filter(({ copies, current }) => current !== undefined && current < copies);
  const names = (some: typeof stores) => some.map(({ stream }) => stream).join(", ");
  const servers = nats.cluster.isCluster ? `${nats.cluster.here} servers, ` : "";
  const faults = [
    ...(few.length === 0 ? [] : [`fewer: ${names(few)}`]),
    ...(behind.length === 0 ? [] : [`not all current: ${names(behind)}`]),
  ];
  return {
    check: "copies of the stores",
    ok: faults.length === 0,
    found: `${servers}${wanted} wanted; ${faults.length === 0 ? `${stores.length} stores have them` : faults.join("; ")}`,
    fix: "Start the servers that are away; gateways and nodes give the stores their copies within a minute.",
  };
}

/** Whether a server that other machines reach takes anyone. */
async function checkStrangers(nats: Nats, { login }: NatsAccess): Promise<Check> {
  const check = "NATS takes no strangers";
  const host = new URL(nats.url).hostname;
  if (isLoopback(host))
    return { check, ok: true, found: "only this machine reaches it, as far as its address tells" };
  const { url } = nats;
  const stranger = connectNats({ url, login: withoutIdentity(login), worldId: "none", name: "narun doctor" });
  return stranger.then(
    async (open): Promise<Check> => {
      await open.close();
      const fix =
        "Everyone who reaches the server can change everything: `narun up --listen` makes logins, or give your server users.";
      return { check, ok: false, found: `${url} takes everyone, without a login`, fix };
    },
    (): Check => ({ check, ok: true, found: "it wants a login" }),
  );
}

/** How long a gateway may take to answer. */
const GATEWAY_WAIT_MS = 2_000;

async function checkGateway(nats: Nats): Promise<Check> {
  const check = "a gateway answers";
  const url = await findGatewayUrl(nats);
  if (url === undefined) {
    return {
      check,
      ok: false,
      found: "none runs",
      fix: "`narun gateway` starts one, `narun up` everything.",
    };
  }
  return fetch(url, { signal: AbortSignal.timeout(GATEWAY_WAIT_MS) }).then(
    (): Check => ({ check, ok: true, found: url }),
    (): Check => ({
      check,
      ok: false,
      found: `${url} does not answer from here`,
      fix: "It may listen on an address of another machine only: see its --http.",
    }),
  );
}

async function checkNodes(nats: Nats): Promise<Check> {
  const running = (await findNodes(nats)).filter((node) => takesWork(node));
  return {
    check: "a node runs functions",
    ok: running.length > 0,
    found: running.map(({ state }) => state.node_id).join(", ") || "none runs",
    fix: "`narun node` starts one, `narun up` everything.",
  };
}

/** Whether the streams of narun and of the functions accept writes. After a full disk they refuse them. */
async function checkStorage(nats: Nats): Promise<Check> {
  const stuck = await findRefusingStreams(nats);
  return {
    check: "NATS stores what is written",
    ok: stuck.length === 0,
    found: stuck.map(({ stream, reason }) => `${stream}: ${reason}`).join("; ") || "no stream refuses writes",
    fix: "Make room on the disk of nats-server, then restart the server: these streams refuse writes until then. `narun up` restarts its own server by itself.",
  };
}

async function checkFunctions(nats: Nats): Promise<Check> {
  const rows = await listFunctions(nats);
  const broken = rows
    .filter(({ state, error }) => error !== undefined || state === "no node")
    .map(({ name, state }) => (state === "no node" ? `${name} (no node)` : name));
  return {
    check: "functions start",
    ok: broken.length === 0,
    found: broken.join(", ") || (rows.length === 0 ? "none yet" : `all ${rows.length}`),
    fix: "`narun ls` says why not; start a node of its mode, push a revision that starts, or roll back.",
  };
}
