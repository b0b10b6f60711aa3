/**
 * A small model of one request between a gateway, nats-server, an instance and its node-runner. It tries every order of
 * events that NATS allows, and uses the gateway's own decision (next-step.ts).
 *
 * The server takes the messages of a connection in their order, and delivers to a connection in order. Between connections
 * every order is tried. A process that dies loses the last messages that it sent, of any number. A connection that breaks
 * loses the last messages under way in both directions, and all messages to it until its client is back. Messages that the
 * server received on it, and did not take yet, may come after messages of the next connection. The gateway's connection breaks
 * once, and the host's once. The model leaves out a host that drains when its connection breaks: it answers its requests and
 * announces its end in any case.
 *
 * The gateway may ask the instance for its request at any time. By a timer it asks when nothing else can happen.
 */
import type { Evidence, Send, Step } from "../next-step.ts";

export type Decide = (evidence: Evidence, send: Send) => Step;

/** How a request ended. `stuck`: only its deadline ends it. */
type End = "answered" | "failed" | "stuck";

export interface Outcome {
  end: End;
  /** How often a handler began the request. */
  begun: number;
  /** NATS delivered it to a subscriber: no party can prove that it did not begin. */
  wasDelivered: boolean;
  /** A connection broke meanwhile. */
  hasBroken: boolean;
  /** The events, in order. */
  trace: string[];
}

interface State {
  /** From the gateway to the server, and back. */
  toServer: string[];
  toGateway: string[];
  /** Messages of the gateway's broken connection that the server did not take yet. */
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
  /** It was begun here. It may be answered by now. */
  hasTaken: boolean;
  /** The instance has told that it did not come, and will not begin it. */
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
  /** `under-way` to this instance, or its end. Another instance always answers. */
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
    // The first question may come at any time. The timer brings further ones when nothing else can happen.
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

/** The server's answer where a subject has no subscriber. */
const NOBODY: Readonly<Record<string, string>> = { request: "no-responders", ask: "nobody-asked" };

/** The server takes a message of the gateway. */
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
  // It has kept its reply, or has dropped it.
  if (state.hasTaken) return [told("answer"), told("over")];
  return [told("not-begun", { ...state, isCalledOff: true })];
}

/** The ways in which an instance's end begins. No other event waits for it. */
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
    // Where the runner is dead as well, the gateway asks NATS for the instance when the next runner appears.
    if (!state.isRunnerDead)
      changes.push([`the host dies, ${kept} said`, { ...dead, fromHost: fromDead, fromRunner: ["gone"] }]);
    else changes.push([`the host dies, ${kept} said, alone`, { ...dead, fromHost: fromDead }]);
  }
  return changes;
}

function gatewayChanges(state: State, decide: Decide, isRepeatable: boolean): Change[] {
  const changes: Change[] = [];
  const hear = (evidence: Evidence, now: State): State => {
    if (now.request !== "under-way") return now;
    const step = decide(evidence, { mayRepeat: isRepeatable && now.sends < 3, hasRest: false });
    switch (step) {
      case "elsewhere":
      case "repeat":
        // Another instance, which lives, answers.
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
    else if (got !== "answer") changes.push([`the gateway hears: ${got}`, hear(got as Evidence, rest)]);
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
  // The gateway asks for the instance of a dead runner repeatedly. Its subject has no subscriber any more.
  const isLeft = state.isHostGone || (state.instance === "gone" && state.fromHost.length === 0);
  if (state.isRunnerDead && isLeft && !state.toServer.includes("ping") && !state.toGateway.includes("asked"))
    changes.push(["NATS knows nobody of the instance's name", hear("gone", state)]);
  return changes;
}

const MAX_ASKS = 4;

/** The gateway asks one question at a time. */
function questions(state: State): Change[] {
  const { asks, request, isGatewayAway, toServer } = state;
  const isAsking = [...toServer, ...state.toHost].includes("ask");
  if (request !== "under-way" || isGatewayAway || isAsking || asks >= MAX_ASKS) return [];
  return [["the gateway asks the instance", { ...state, asks: asks + 1, toServer: [...toServer, "ask"] }]];
}

/** No other event waits for a break. */
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

/** The list without its end, for every length of the end. */
function ends(list: string[]): string[][] {
  return Array.from({ length: list.length + 1 }, (_, kept) => list.slice(0, kept));
}
