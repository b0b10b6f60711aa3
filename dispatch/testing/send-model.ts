/**
 * A small model of one request between a gateway, nats-server, an instance and its node-runner, in which every order of
 * events that NATS allows is tried. It uses the gateway's own decision (next-step.ts).
 *
 * The server takes what a connection says in its order, and says to a connection what it has for it in that order. It takes
 * from the connections by turns as it likes: here in every way. A process that dies has lost an end of what it was saying,
 * of any length. A connection that breaks loses an end of what was under way in both directions, and all that is said to it
 * until its client is back. What the server has got by it and not taken yet may come after what the next connection says.
 * The gateway's breaks once, and the host's. A host that drains when its connection breaks is left out: it answers for what
 * it has all the same, and says that it is gone.
 *
 * The gateway asks the instance for its request at any time, and at least when nothing else is left to happen: a timer.
 */
import type { Send, Step, Word } from "../next-step.ts";

export type Decide = (word: Word, send: Send) => Step;

/** How a request ended. `stuck`: only its deadline ends it. */
type End = "answered" | "failed" | "stuck";

export interface Outcome {
  end: End;
  /** How often a handler began it. */
  begun: number;
  /** NATS gave it to a subscriber, so that it may have begun for all that anybody can prove. */
  wasDelivered: boolean;
  /** A connection broke meanwhile. */
  hasBroken: boolean;
  /** What happened, in order. */
  trace: string[];
}

interface State {
  /** From the gateway to the server, and back. */
  toServer: string[];
  toGateway: string[];
  /** What came by the gateway's connection that broke. */
  lateToServer: string[];
  /** From the server to the instance's host, and back. */
  toHost: string[];
  fromHost: string[];
  /** From the node-runner to the server. */
  fromRunner: string[];
  isSubscribed: boolean;
  /** The server has seen the end of the host's connection. */
  isHostGone: boolean;
  instance: "ready" | "condemned" | "draining" | "drained" | "gone" | "dead";
  hasRequest: boolean;
  /** It was begun here, be it answered by now. */
  hasTaken: boolean;
  /** The instance has said that it did not come, and begins it no more. */
  isCalledOff: boolean;
  isRunnerDead: boolean;
  /** The gateway has heard that the node is silent. */
  isSilent: boolean;
  /** The connection broke, and is not back yet. */
  isGatewayAway: boolean;
  isHostAway: boolean;
  hasBroken: boolean;
  hasHostBroken: boolean;
  asks: number;
  wasDelivered: boolean;
  begun: number;
  sends: number;
  /** At the instance, on its way to another one that answers, or over. */
  request: "under-way" | End;
}

const START: State = {
  toServer: ["request"],
  toGateway: [],
  lateToServer: [],
  toHost: [],
  fromHost: [],
  fromRunner: [],
  isSubscribed: true,
  isHostGone: false,
  instance: "ready",
  hasRequest: false,
  hasTaken: false,
  isCalledOff: false,
  isRunnerDead: false,
  isSilent: false,
  isGatewayAway: false,
  isHostAway: false,
  hasBroken: false,
  hasHostBroken: false,
  asks: 0,
  wasDelivered: false,
  begun: 0,
  sends: 1,
  request: "under-way",
};

type Change = [name: string, next: State];
const without = ([, ...rest]: string[]) => rest;

/** Every way in which a request can end, each with one trace that leads there. */
export function exploreSends(decide: Decide, isRepeatable: boolean): Outcome[] {
  const seen = new Map<string, null>();
  const outcomes = new Map<string, Outcome>();
  const open: { state: State; trace: string[] }[] = [{ state: START, trace: [] }];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const { state, trace } = one;
    const changes = changesOf(state, decide, isRepeatable);
    const mishaps = [...endsOf(state), ...gatewayBreaks(state), ...hostBreaks(state)];
    // Of those that a timer brings, the first one may come at any time, and the others when nothing else happens.
    if (changes.length === 0 || state.asks < 1) changes.push(...questions(state));
    if (changes.length === 0) {
      const { request, begun, wasDelivered } = state;
      const hasBroken = state.hasBroken || state.hasHostBroken;
      const end = request === "under-way" ? "stuck" : request;
      outcomes.set(JSON.stringify([end, begun, wasDelivered, hasBroken]), {
        end,
        begun,
        wasDelivered,
        hasBroken,
        trace,
      });
    }
    for (const [name, next] of [...changes, ...mishaps]) {
      const key = JSON.stringify(next);
      if (seen.has(key)) continue;
      seen.set(key, null);
      open.push({ state: next, trace: [...trace, name] });
    }
  }
  return [...outcomes.values()];
}

function changesOf(state: State, decide: Decide, isRepeatable: boolean): Change[] {
  return [...serverChanges(state), ...hostChanges(state), ...gatewayChanges(state, decide, isRepeatable)];
}

function serverChanges(state: State): Change[] {
  const changes: Change[] = [];
  const { fromHost, fromRunner } = state;
  for (const line of ["toServer", "lateToServer"] as const) {
    const asked = state[line][0];
    if (asked !== undefined) changes.push(heard(asked, { ...state, [line]: without(state[line]) }));
  }
  const said = fromHost[0];
  if (said !== undefined) {
    const rest = { ...state, fromHost: without(fromHost) };
    if (said === "unsubscribe")
      changes.push([
        "the server unsubscribes the instance",
        toHost({ ...rest, isSubscribed: false }, "drained"),
      ]);
    else if (said === "end")
      changes.push([
        "the server sees the host's end",
        { ...rest, isSubscribed: false, isHostGone: true, toHost: [] },
      ]);
    else if (said === "away")
      changes.push(["the server sees the host's connection end", { ...rest, isSubscribed: false }]);
    else if (said === "back")
      changes.push(["the host is back", { ...rest, isSubscribed: true, isHostAway: false }]);
    else changes.push([`the server passes on: ${said}`, toGateway(rest, said)]);
  }
  if (fromRunner[0] !== undefined)
    changes.push([
      "the server passes on: gone, by the runner",
      toGateway({ ...state, fromRunner: without(fromRunner) }, "gone"),
    ]);
  return changes;
}

/** The server's word where nobody subscribes. */
const NOBODY: Readonly<Record<string, string>> = { request: "no-responders", ask: "nobody-asked" };

/** The server takes a message of the gateway's. */
function heard(asked: string, state: State): Change {
  if (asked === "ping") return ["the server answers the flush", toGateway(state, "asked")];
  if (!state.isSubscribed)
    return [`the server finds nobody: ${asked}`, toGateway(state, NOBODY[asked] ?? "")];
  const wasDelivered = state.wasDelivered || asked === "request";
  return [`the server delivers: ${asked}`, toHost({ ...state, wasDelivered }, asked)];
}

function toGateway(state: State, text: string): State {
  return state.isGatewayAway ? state : { ...state, toGateway: [...state.toGateway, text] };
}

function toHost(state: State, text: string): State {
  return state.isHostAway ? state : { ...state, toHost: [...state.toHost, text] };
}

function hostChanges(state: State): Change[] {
  const changes: Change[] = [];
  const { instance, toHost, fromHost, hasRequest } = state;
  if (instance === "gone" || instance === "dead") return changes;
  const got = toHost[0];
  const rest = { ...state, toHost: without(toHost) };
  if (got === "request" && instance === "condemned")
    changes.push(["the instance refuses", { ...rest, fromHost: [...fromHost, "draining"] }]);
  else if (got === "request" && state.isCalledOff)
    changes.push(["a request that was called off comes", rest]);
  else if (got === "request")
    changes.push(["a handler begins", { ...rest, hasRequest: true, hasTaken: true, begun: state.begun + 1 }]);
  if (got === "ask") changes.push(...statesTold(rest));
  if (got === "drained") changes.push(["the instance has all", { ...rest, instance: "drained" }]);
  if (hasRequest)
    changes.push([
      "the instance answers",
      { ...state, hasRequest: false, fromHost: [...fromHost, "answer"] },
    ]);
  if (instance === "drained" && !hasRequest)
    changes.push(["the instance is gone", { ...state, instance: "gone", fromHost: [...fromHost, "gone"] }]);
  return changes;
}

function statesTold(state: State): Change[] {
  const told = (says: string, next = state): Change => [
    `the instance is asked: ${says}`,
    { ...next, fromHost: [...next.fromHost, says] },
  ];
  if (state.hasRequest) return [told("running")];
  // It has kept its reply, or has not.
  if (state.hasTaken) return [told("answer"), told("over")];
  return [told("not-begun", { ...state, isCalledOff: true })];
}

/** How an instance's end begins. Nothing waits for it to happen. */
function endsOf(state: State): Change[] {
  const changes: Change[] = [];
  const { instance, fromHost } = state;
  if (instance === "gone" || instance === "dead") return changes;
  if (instance === "ready") changes.push(["a limit is hit", { ...state, instance: "condemned" }]);
  if (instance === "ready" || instance === "condemned") {
    const drains: State = { ...state, instance: "draining", fromHost: [...fromHost, "unsubscribe"] };
    changes.push(["the instance drains", drains]);
    if (!state.isRunnerDead)
      changes.push(["the runner dies, and its host drains", { ...drains, isRunnerDead: true }]);
  }
  for (let kept = 0; kept <= fromHost.length; kept++) {
    const dead: State = { ...state, instance: "dead", hasRequest: false };
    const fromDead = [...fromHost.slice(0, kept), "end"];
    // Where the runner is dead, too, the gateway asks NATS for the instance when the next one appears.
    if (!state.isRunnerDead)
      changes.push([`the host dies, ${kept} said`, { ...dead, fromHost: fromDead, fromRunner: ["gone"] }]);
    else changes.push([`the host dies, ${kept} said, alone`, { ...dead, fromHost: fromDead }]);
  }
  return changes;
}

function gatewayChanges(state: State, decide: Decide, isRepeatable: boolean): Change[] {
  const changes: Change[] = [];
  const hear = (word: Word, now: State): State => {
    if (now.request !== "under-way") return now;
    const step = decide(word, { mayRepeat: isRepeatable && now.sends < 3, hasRest: false });
    switch (step) {
      case "elsewhere":
      case "repeat":
        // Another instance answers: that one lives.
        return { ...now, request: "answered", begun: now.begun + 1 };
      case "ask":
        return { ...now, toServer: [...now.toServer, "ping"] };
      case "wait":
        return now;
      case "fail":
        return { ...now, request: "failed" };
    }
  };
  const got = state.toGateway[0];
  if (got !== undefined) {
    const rest = { ...state, toGateway: without(state.toGateway) };
    if (got === "running") changes.push(["the gateway hears that it runs", rest]);
    else if (got === "nobody-asked")
      changes.push([
        "the gateway hears that nobody is there",
        state.isSubscribed || state.fromHost.includes("back") ? rest : hear("absent", rest),
      ]);
    else if (got !== "answer") changes.push([`the gateway hears: ${got}`, hear(got as Word, rest)]);
    else if (state.request === "under-way")
      changes.push(["the gateway has the answer", { ...rest, request: "answered" }]);
    else changes.push(["an answer comes too late", rest]);
  }
  if (state.isGatewayAway)
    changes.push([
      "the gateway is back",
      { ...state, isGatewayAway: false, toGateway: [...state.toGateway, "nats-was-away"] },
    ]);
  if (state.request !== "under-way" || state.isGatewayAway) return changes;
  if (state.isRunnerDead && !state.isSilent)
    changes.push(["the node is silent", hear("silent", { ...state, isSilent: true })]);
  // The gateway asks for the instance of a dead runner again and again, and NATS knows nobody of its name any more.
  const isLeft = state.isHostGone || (state.instance === "gone" && state.fromHost.length === 0);
  if (state.isRunnerDead && isLeft && !state.toServer.includes("ping") && !state.toGateway.includes("asked"))
    changes.push(["NATS knows nobody of the instance's name", hear("gone", state)]);
  return changes;
}

const MAX_ASKS = 4;

/** One at a time. */
function questions(state: State): Change[] {
  const { asks, request, isGatewayAway, toServer } = state;
  const isAsking = [...toServer, ...state.toHost].includes("ask");
  if (request !== "under-way" || isGatewayAway || isAsking || asks >= MAX_ASKS) return [];
  return [["the gateway asks the instance", { ...state, asks: asks + 1, toServer: [...toServer, "ask"] }]];
}

/** Nothing waits for a break to happen, either. */
function gatewayBreaks(state: State): Change[] {
  if (state.hasBroken || state.request !== "under-way") return [];
  return ends(state.toServer).flatMap((sent) =>
    ends(state.toGateway).map(
      (toGateway): Change => [
        `the gateway's connection breaks, ${sent.length} sent, ${toGateway.length} read`,
        {
          ...state,
          hasBroken: true,
          isGatewayAway: true,
          toServer: [],
          lateToServer: sent.filter((text) => text !== "ping"),
          toGateway,
        },
      ],
    ),
  );
}

function hostBreaks(state: State): Change[] {
  const isUp = state.instance === "ready" || state.instance === "condemned";
  if (state.hasHostBroken || state.request !== "under-way" || !isUp) return [];
  return ends(state.fromHost).flatMap((fromHost) =>
    ends(state.toHost).map(
      (toHost): Change => [
        `the host's connection breaks, ${fromHost.length} said, ${toHost.length} read`,
        { ...state, hasHostBroken: true, isHostAway: true, toHost, fromHost: [...fromHost, "away", "back"] },
      ],
    ),
  );
}

/** The list with its end lost, in every way. */
function ends(list: string[]): string[][] {
  return Array.from({ length: list.length + 1 }, (_, kept) => list.slice(0, kept));
}
