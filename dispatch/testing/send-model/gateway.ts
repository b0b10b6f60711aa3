import type { Evidence } from "../../next-step.ts";
import { type Change, frameToHost, type Rule, type State, without } from "./state.ts";

/** The gateway takes a message or a frame. */
export function gatewayChanges(state: State, rule: Rule, isRepeatable: boolean): Change[] {
  if (state.request !== "under-way") return [];
  const hear = (evidence: Evidence, now: State) => heard(evidence, now, rule, isRepeatable);
  const changes: Change[] = [];
  const { toGateway, socketToGateway } = state;
  const got = toGateway[0];
  if (got !== undefined) {
    const rest = { ...state, toGateway: without(toGateway) };
    changes.push([`the gateway hears: ${got}`, ofServer(got, rest, hear)]);
  }
  const frame = socketToGateway[0];
  if (frame !== undefined) {
    const rest = { ...state, socketToGateway: without(socketToGateway) };
    changes.push([`the gateway reads: ${frame}`, ofSocket(frame, rest, hear)]);
  }
  if (state.isGatewayAway)
    changes.push([
      "the gateway is back",
      { ...state, isGatewayAway: false, toGateway: [...toGateway, "nats-was-away"] },
    ]);
  if (state.isRunnerDead && !state.isGatewayAway) changes.push(...probes(state, hear));
  return changes;
}

type Hear = (evidence: Evidence, now: State) => State;

/** The gateway takes the next step by evidence. */
function heard(evidence: Evidence, now: State, rule: Rule, isRepeatable: boolean): State {
  if (now.request !== "under-way") return now;
  switch (rule.decide(evidence, { mayRepeat: isRepeatable, hasRest: false })) {
    case "elsewhere":
    case "repeat":
      // Another instance, which lives, answers.
      return settled({ ...now, request: "answered", begun: now.begun + 1 });
    case "ask":
      return flush(now, rule);
    case "wait":
      return now;
    case "fail":
      return settled({ ...now, request: "failed" });
  }
}

/** The gateway takes no interest in what still comes. */
function settled(state: State): State {
  return { ...state, toGateway: [], socketToGateway: [], isPinging: false };
}

function ofServer(got: string, state: State, hear: Hear): State {
  switch (got) {
    case "answer":
      return settled({ ...state, request: "answered" });
    case "running":
      return state;
    case "nobody-asked":
      // A connection that comes back is back before the gateway takes the instance for lost.
      return state.takesQuestions || state.fromHost.includes("back") ? state : hear("absent", state);
    case "nats-was-away":
      return state.line === "nats" ? hear("nats-was-away", state) : state;
    default:
      return hear(got as Evidence, state);
  }
}

function ofSocket(frame: string, state: State, hear: Hear): State {
  switch (frame) {
    case "answer":
      return settled({ ...state, request: "answered" });
    case "leave":
      return { ...frameToHost(state, "leave"), hasHeardLeave: true };
    case "pong":
      return flushNats({ ...state, isPinging: false });
    case "end": {
      const after = hear("link-broken", { ...state, line: "nats", isPinging: false });
      return state.isPinging ? flushNats(after) : after;
    }
    default:
      return hear(frame as Evidence, state);
  }
}

/** The gateway hears that it has `asked` when the answers to its flush have come. */
function flush(state: State, { pings }: Rule): State {
  if (isFlushing(state)) return state;
  if (!pings || state.line === "nats") return flushNats(state);
  // A host that leaves ends the socket soon.
  return { ...(state.hasHeardLeave ? state : frameToHost(state, "ping")), isPinging: true };
}

function flushNats(state: State): State {
  if (state.request !== "under-way") return state;
  // A flush that cannot be sent ends at once.
  if (state.isGatewayAway) return { ...state, toGateway: [...state.toGateway, "asked"] };
  return { ...state, toServer: [...state.toServer, "ping"] };
}

function isFlushing({ isPinging, toServer, toGateway }: State): boolean {
  return isPinging || toServer.includes("ping") || toGateway.includes("asked");
}

/** The instance's runner is dead. */
function probes(state: State, hear: Hear): Change[] {
  const changes: Change[] = [];
  if (!state.isSilent) changes.push(["the node is silent", hear("silent", { ...state, isSilent: true })]);
  // The gateway asks for the instance repeatedly. Its subject has no subscriber any more.
  const isLeft = state.isHostGone || (state.instance === "gone" && state.fromHost.length === 0);
  if (isLeft && !isFlushing(state))
    changes.push(["NATS knows nobody of the instance's name", hear("gone", state)]);
  return changes;
}

const MAX_ASKS = 4;

/** The gateway asks the instance. It asks one question at a time. */
export function questions(state: State, { asksBesideSocket }: Rule): Change[] {
  const { asks, request, line, isGatewayAway, toServer } = state;
  const isAsking = [...toServer, ...state.toHost].includes("ask");
  if (request !== "under-way" || isGatewayAway || isAsking || asks >= MAX_ASKS) return [];
  if (line === "socket" && !asksBesideSocket) return [];
  return [["the gateway asks the instance", { ...state, asks: asks + 1, toServer: [...toServer, "ask"] }]];
}
