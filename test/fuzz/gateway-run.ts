/**
 * Plays lying hosts against a whole gateway. They are announced over NATS beside an honest one, and clients call over HTTP.
 *
 * I1  Each request ends: answered, or with its connection.
 * I2  A request for the honest function gets its answer. A request for another gets the answer of a lying host, an error, or
 *     its own answer of the honest host.
 * I3  Each answer is HTTP, and the gateway logs no fault of its own.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pino } from "pino";
import { headerNames, headerValue } from "../../contracts/index.ts";
import { call } from "../../gateway/testing/http-client.ts";
import type { PeerInstance, PeerNode, PeerReply } from "../../gateway/testing/peer-node.ts";
import { REVISION, specOf, startGatewayWorld } from "../../gateway/testing/world.ts";
import type { Message } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { createRandom, type Random } from "../soak/random.ts";
import { startClock } from "./clock.ts";
import { askAnyHost } from "./deceived-client.ts";
import type { FrameRun } from "./frame-run.ts";
import { startLyingInstance } from "./lying-instance.ts";
import { HONEST } from "./strict-replies.ts";

/** How many lying hosts are there at a time. */
const HOSTS = 8;
/** How many clients the honest function has. */
const HONEST_CLIENTS = 4;
/** How many requests are sent while a lying host is there. */
const REQUESTS = 6;
const MACHINE = "0".repeat(32);
/** Requests and bodies without an answer end soon. */
const LIMITS = { timeoutMs: 1_000, streamMs: 1_000 };
/** A request without an answer ends only after the run has failed. */
const PATIENCE = { timeoutMs: 600_000 };
const HOLD_MS = 500;
/** Of pino. */
const ERROR_LEVEL = 50;

export interface HostRun extends FrameRun {
  /** The program of the nats-server. Default: that of the test run. */
  natsServer?: string;
}

/** Plays the hosts of a seed. Rejects at the first broken rule, with the host's number. */
export async function playHosts({ seed, from = 0, to, natsServer, onPlayed }: HostRun): Promise<void> {
  await using closers = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "narun-"));
  closers.defer(() => rm(folder, { recursive: true, force: true }));
  const faults: string[] = [];
  // Each has an instance of the honest host, and one of a lying host.
  const services = Array.from({ length: HOSTS }, (_, index) => `lies-${index}`);
  const world = closers.use(
    await startGatewayWorld({
      specs: [
        specOf("honest", { limits: PATIENCE }),
        ...services.map((name) => specOf(name, { limits: LIMITS })),
      ],
      natsServer,
      gateway: { hold: { holdMs: HOLD_MS }, log: pino({ level: "warn" }, faultsInto(faults)) },
    }),
  );
  const node = closers.use(await world.startNode({ hasSocket: true }));
  const honest = createHonestHandler();
  const instances: PeerInstance[] = [];
  for (const service of ["honest", ...services])
    instances.push(
      await node.start(service, { revision: REVISION, concurrency: 1_000, handler: honest.handle }),
    );
  /** The honest node keeps all that came, with its bodies, for tests that look at it. */
  const forget = () => {
    node.demands.length = 0;
    for (const { taken } of instances) taken.length = 0;
  };
  let next = from;
  let isOver = false;
  const player = async (service: string) => {
    while (next < to && !isOver) {
      const id = next++;
      // A connection of a gateway to the host before would come to the next one, where they shared a path.
      const home = join(folder, String(id));
      await mkdir(home);
      const random = createRandom(seed * 1_000_003 + id);
      await playOne({ url: world.url, service, node, honest, path: join(home, "s"), random, id });
      await rm(home, { recursive: true });
      forget();
      if (faults.length > 0) throw new Error(`around host ${id}: ${faults.join("; ")}`);
      onPlayed?.(id);
    }
  };
  const client = async (index: number) => {
    for (let count = 0; !isOver; count++) {
      const id = `honest-${index}-${count}`;
      const { status, text } = await call(`${world.url}/honest?${id}`, { method: "POST", body: id });
      if (status !== 200 || text !== `${HONEST} ${id}`)
        throw new Error(`request ${id} of the honest function got ${status} ${text}`);
    }
  };
  const clients = Array.from({ length: HONEST_CLIENTS }, (_, index) => client(index));
  try {
    await Promise.race([Promise.all(services.map(player)), Promise.all(clients)]);
  } finally {
    isOver = true;
    honest.open();
  }
  await Promise.all(clients);
  await eventually(() => {
    const left = JSON.stringify([...world.gateway.counts()]);
    if (left !== "[]") throw new Error(`requests are left in the gateway: ${left}`);
  });
}

/** The gateway's own faults in its log. */
function faultsInto(faults: string[]): Writable {
  return new Writable({
    write(line, _encoding, done) {
      const { level, msg }: { level: number; msg: string } = JSON.parse(String(line));
      if (level >= ERROR_LEVEL || msg === "a receiver of a reply failed") faults.push(String(line));
      done();
    },
  });
}

/** Answers requests for the honest function after the next lie, so that they are under way during it; others at once. */
function createHonestHandler() {
  const underWay = new Set<number>();
  let gate = Promise.withResolvers<void>();
  let isOpen = false;
  return {
    /** The numbers of requests under way, as the gateway has them. */
    numbers(): readonly [number, ...number[]] {
      return [1, ...underWay];
    },
    /** Requests under way are answered. */
    onLied() {
      gate.resolve();
      if (!isOpen) gate = Promise.withResolvers();
    },
    /** Requests are answered at once from now on. */
    open() {
      isOpen = true;
      gate.resolve();
    },
    async handle({ reply = "", headers }: Message): Promise<PeerReply> {
      const number = Number.parseInt(reply.slice(reply.lastIndexOf(".") + 1), 36);
      const id = headerValue(headers, headerNames.query) ?? "";
      underWay.add(number);
      if (id.startsWith("honest")) await gate.promise;
      underWay.delete(number);
      return { data: `${HONEST} ${id}` };
    },
  };
}

interface Turn {
  url: string;
  service: string;
  node: PeerNode;
  honest: ReturnType<typeof createHonestHandler>;
  path: string;
  random: Random;
  id: number;
}

async function playOne({ url, service, node, honest, path, random, id }: Turn): Promise<void> {
  using clock = startClock();
  const host = await startLyingInstance({
    ...{ path, machine: MACHINE, random, clock },
    foreign: () => honest.numbers(),
    onLied: () => honest.onLied(),
  });
  const facts = { function: service, instance: `lying-${id}`, node: node.node, revision: REVISION };
  try {
    const socket = { machine: MACHINE, path, number: 0 };
    const concurrency = random.between(1, 10);
    node.announce({ ...facts, at: Date.now(), state: "ready", concurrency, phases: {}, socket });
    await Promise.race([host.met, clock.over]);
    if (clock.limit.aborted) throw new Error(`the gateway did not come (${clock.state})`);
    const target = `${url}/${service}`;
    await Promise.all(
      Array.from({ length: REQUESTS }, (_, count) => askAnyHost(target, `${id}-${count}`, random, clock)),
    );
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new Error(`host ${id} (${host.names.join(", ")}): ${detail}`, { cause: error });
  } finally {
    node.announce({ ...facts, at: Date.now(), state: "gone", reason: "crashed" });
    await host.close();
    honest.onLied();
  }
}
