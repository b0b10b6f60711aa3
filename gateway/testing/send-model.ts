/**
 * A small model of one request between a gateway, nats-server, an instance and its node-runner, in which every order of
 * events that NATS allows is tried. It uses the gateway's own decision (next-step.ts).
 *
 * The server takes what a connection says in its order, and says to a connection what it has for it in that order. It takes
 * from the connections by turns as it likes: here in every way. A process that dies has lost an end of what it was saying,
 * of any length. A connection that breaks loses an end of what was under way in both directions.
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
  /** The gateway's connection broke meanwhile. */
  hasBroken: boolean;
  /** What happened, in order. */
  trace: string[];
}

interface State {
  /** From the gateway to the server, and back. */
  toServer: string[];
  toGateway: string[];
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
  isRunnerDead: boolean;
  /** The gateway has heard that the node is silent. */
  isSilent: boolean;
  hasBroken: boolean;
  wasDelivered: boolean;
  begun: number;
  sends: number;
  /** At the instance, on its way to another one that answers, or over. */
  request: "under-way" | End;
}

const START: State = {
  toServer: ["request"],
  toGateway: [],
  toHost: [],
  fromHost: [],
  fromRunner: [],
  isSubscribed: true,
  isHostGone: false,
  instance: "ready",
  hasRequest: false,
  isRunnerDead: false,
  isSilent: false,
  hasBroken: false,
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
    const breaks = breaksOf(state);
    if (changes.length === 0) {
      const { request, begun, wasDelivered, hasBroken } = state;
      const end = request === "under-way" ? "stuck" : request;
      outcomes.set(JSON.stringify([end, begun, wasDelivered, hasBroken]), {
        end,
        begun,
        wasDelivered,
        hasBroken,
        trace,
      });
    }
    for (const [name, next] of [...changes, ...breaks]) {
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
  const { toServer, fromHost, fromRunner, toGateway } = state;
  const asked = toServer[0];
  if (asked !== undefined) {
    const rest = { ...state, toServer: without(toServer) };
    const say = (text: string): State => ({ ...rest, toGateway: [...toGateway, text] });
    if (asked === "ping") changes.push(["the server answers the flush", say("asked")]);
    else if (!state.isSubscribed) changes.push(["the server finds nobody", say("no-responders")]);
    else
      changes.push([
        "the server delivers the request",
        { ...rest, wasDelivered: true, toHost: [...state.toHost, "request"] },
      ]);
  }
  const said = fromHost[0];
  if (said !== undefined) {
    const rest = { ...state, fromHost: without(fromHost) };
    if (said === "unsubscribe")
      changes.push([
        "the server unsubscribes the instance",
        { ...rest, isSubscribed: false, toHost: [...state.toHost, "drained"] },
      ]);
    else if (said === "end")
      changes.push([
        "the server sees the host's end",
        { ...rest, isSubscribed: false, isHostGone: true, toHost: [] },
      ]);
    else changes.push([`the server passes on: ${said}`, { ...rest, toGateway: [...toGateway, said] }]);
  }
  if (fromRunner[0] !== undefined)
    changes.push([
      "the server passes on: gone, by the runner",
      { ...state, fromRunner: without(fromRunner), toGateway: [...toGateway, "gone"] },
    ]);
  return changes;
}

function hostChanges(state: State): Change[] {
  const changes: Change[] = [];
  const { instance, toHost, fromHost, hasRequest } = state;
  if (instance === "gone" || instance === "dead") return changes;
  const got = toHost[0];
  const rest = { ...state, toHost: without(toHost) };
  if (got === "request" && instance === "condemned")
    changes.push(["the instance refuses", { ...rest, fromHost: [...fromHost, "draining"] }]);
  else if (got === "request")
    changes.push(["a handler begins", { ...rest, hasRequest: true, begun: state.begun + 1 }]);
  if (got === "drained") changes.push(["the instance has all", { ...rest, instance: "drained" }]);
  if (hasRequest)
    changes.push([
      "the instance answers",
      { ...state, hasRequest: false, fromHost: [...fromHost, "answer"] },
    ]);
  if (instance === "ready") changes.push(["a limit is hit", { ...state, instance: "condemned" }]);
  if (instance === "ready" || instance === "condemned") {
    const drains: State = { ...state, instance: "draining", fromHost: [...fromHost, "unsubscribe"] };
    changes.push(["the instance drains", drains]);
    if (!state.isRunnerDead)
      changes.push(["the runner dies, and its host drains", { ...drains, isRunnerDead: true }]);
  }
  if (instance === "drained" && !hasRequest)
    changes.push(["the instance is gone", { ...state, instance: "gone", fromHost: [...fromHost, "gone"] }]);
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
    if (got !== "answer") changes.push([`the gateway hears: ${got}`, hear(got as Word, rest)]);
    else if (state.request === "under-way")
      changes.push(["the gateway has the answer", { ...rest, request: "answered" }]);
    else changes.push(["an answer comes too late", rest]);
  }
  if (state.request !== "under-way") return changes;
  if (state.isRunnerDead && !state.isSilent)
    changes.push(["the node is silent", hear("silent", { ...state, isSilent: true })]);
  // The gateway asks for the instance of a dead runner again and again, and NATS knows nobody of its name any more.
  const isLeft = state.isHostGone || (state.instance === "gone" && state.fromHost.length === 0);
  if (state.isRunnerDead && isLeft && !state.toServer.includes("ping") && !state.toGateway.includes("asked"))
    changes.push(["NATS knows nobody of the instance's name", hear("gone", state)]);
  return changes;
}

/** Nothing waits for these to happen. */
function breaksOf(state: State): Change[] {
  const changes: Change[] = [];
  if (state.hasBroken || state.request !== "under-way") return changes;
  for (let kept = 0; kept <= state.toServer.length; kept++)
    for (let read = 0; read <= state.toGateway.length; read++) {
      const broken: State = {
        ...state,
        hasBroken: true,
        toServer: state.toServer.slice(0, kept).filter((text) => text !== "ping"),
        toGateway: [...state.toGateway.slice(0, read), "nats-was-away"],
      };
      changes.push([`the gateway's connection breaks, ${kept} sent, ${read} read`, broken]);
    }
  return changes;
}
