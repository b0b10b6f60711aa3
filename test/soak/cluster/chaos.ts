/**
 * Any of three may die: servers are killed, stopped and cut off, runners, hosts, gateways and whole machines are killed, by a
 * seed, while the clients of `loads/` never stop. C1 to C7, the promises that they check, stand there.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createRandom, type Random } from "../random.ts";
import { createCallLoad, createCounterLoad } from "./loads/calls.ts";
import type { LoadOptions } from "./loads/load.ts";
import { createEventLoad, createQueueLoad } from "./loads/messages.ts";
import { createPushLoad } from "./loads/pushes.ts";
import { createRequests } from "./loads/requests.ts";
import { createScheduleLoad } from "./loads/schedule.ts";
import { createWorkflowLoad } from "./loads/workflows.ts";
import { type Places, startPlaces } from "./places.ts";
import { type ChaosReport, Tally } from "./tally.ts";

/** One thing that goes wrong, at a place. */
export type FaultKind = "kill" | "cut" | "stop" | "node" | "gateway" | "host" | "machine";

const KINDS = ["kill", "cut", "stop", "node", "gateway", "host", "machine"] as const;

export interface ChaosOptions {
  binary: string;
  seed: number;
  /** How many things go wrong, one after the other; or which. */
  faults: number | readonly FaultKind[];
  /** How long each lasts. */
  faultMs: number;
  /** The folder of the nodes' caches. Default: one of this run. */
  cacheDir?: string;
  say?(line: string): void;
}

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { say = () => undefined, faultMs } = options;
  const random = createRandom(options.seed);
  const tally = new Tally();
  await using places = await startPlaces(options.binary, options.cacheDir);
  const loads = loadsOf({ places, tally });
  for (const load of loads) await load.prepare();
  await places.untilWhole();
  tally.close("the start");
  say("three of each are there");
  const ending = new AbortController();
  const running = Promise.all(loads.map((load) => load.run(ending.signal)));
  for (const kind of kindsOf(options.faults, random)) {
    const place = random.between(0, 2);
    await breakOne(places, kind, place, faultMs);
    await places.untilWhole();
    say(`${kind} ${place}: longest in ms: ${tally.close(`${kind} ${place}`)}`);
  }
  tally.report.events.shift();
  ending.abort();
  await running;
  say("the load has ended");
  for (const load of loads) await load.check();
  return tally.report;
}

function loadsOf(options: LoadOptions) {
  return [
    createRequests(options),
    createQueueLoad(options),
    createEventLoad(options),
    createScheduleLoad(options),
    createCallLoad(options),
    createCounterLoad(options),
    createWorkflowLoad(options),
    createPushLoad(options),
  ];
}

/** Every kind comes before one comes again. */
function kindsOf(faults: ChaosOptions["faults"], random: Random): FaultKind[] {
  if (typeof faults !== "number") return [...faults];
  const kinds: FaultKind[] = [];
  while (kinds.length < faults) {
    const round: FaultKind[] = [...KINDS];
    while (round.length > 0) kinds.push(...round.splice(random.between(0, round.length - 1), 1));
  }
  return kinds.slice(0, faults);
}

async function breakOne(places: Places, kind: FaultKind, place: number, lastsMs: number): Promise<void> {
  const { cluster } = places;
  const name = `n${place}`;
  const isMachine = kind === "machine";
  if (kind === "kill" || isMachine) await cluster.kill(name);
  if (kind === "cut" || kind === "stop") cluster[kind](name);
  if (kind === "host") places.killHosts(place);
  const replacing = [
    kind === "node" || isMachine ? places.replaceNode(place, isMachine) : undefined,
    kind === "gateway" || isMachine ? places.replaceGateway(place) : undefined,
  ];
  await Promise.all([...replacing, sleep(lastsMs)]);
  if (kind === "kill" || isMachine) cluster.start(name);
  if (kind === "cut") cluster.heal(name);
  if (kind === "stop") cluster.resume(name);
}
