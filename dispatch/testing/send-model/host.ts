import { type Change, frameToGateway, type State, say, without } from "./state.ts";

/** The host, or the instance in it, takes a message or a step. */
export function hostChanges(state: State): Change[] {
  if (state.instance === "dead") return [];
  const isGone = state.instance === "gone";
  return [...socketChanges(state), ...(isGone ? lateMessages(state) : instanceChanges(state))];
}

function instanceChanges(state: State): Change[] {
  const changes: Change[] = [];
  const { instance, toHost, hasRequest } = state;
  const got = toHost[0];
  const rest = { ...state, toHost: without(toHost) };
  if (got === "request" && instance === "condemned")
    changes.push(["the instance refuses", say(rest, "draining")]);
  else if (got === "request") changes.push(begins(rest));
  if (got === "ask") changes.push(...statesTold(rest));
  if (got === "drained") changes.push(["the instance has all", { ...rest, instance: "drained" }]);
  if (hasRequest) {
    const answered = { ...state, hasRequest: false };
    const bySocket = state.carrier === "socket";
    // An answer that the host knows to be undelivered is kept. The instance tells it when it is asked.
    changes.push([
      "the instance answers",
      bySocket ? frameToGateway(answered, "answer") : say(answered, "answer"),
    ]);
  }
  if (instance === "drained" && !hasRequest)
    changes.push(["the instance is gone", say(say({ ...state, instance: "gone" }, "close"), "gone")]);
  return changes;
}

function lateMessages(state: State): Change[] {
  const { toHost } = state;
  return toHost.length === 0 ? [] : [["a message comes too late", { ...state, toHost: without(toHost) }]];
}

function begins(state: State): Change {
  if (state.isCalledOff) return ["a request that was called off comes", state];
  const { begun } = state;
  return ["a handler begins", { ...state, hasRequest: true, hasTaken: true, begun: begun + 1 }];
}

function statesTold(state: State): Change[] {
  const told = (says: string, next = state): Change => [`the instance is asked: ${says}`, say(next, says)];
  if (state.hasRequest) return [told("running")];
  // It has kept its reply, or has dropped it.
  if (state.hasTaken) return [told("answer"), told("over")];
  return [told("not-begun", { ...state, isCalledOff: true })];
}

function socketChanges(state: State): Change[] {
  const changes: Change[] = [];
  const got = state.socketToHost[0];
  if (got !== undefined) changes.push(ofFrame(got, { ...state, socketToHost: without(state.socketToHost) }));
  if (state.instance === "gone" && state.hostSocket === "open")
    changes.push(["the host leaves", frameToGateway({ ...state, hostSocket: "leaving" }, "leave")]);
  return changes;
}

function ofFrame(got: string, state: State): Change {
  if (got === "request" && state.instance === "ready") return begins(state);
  if (got === "request") return ["the host refuses", frameToGateway(state, "draining")];
  if (got === "ping") return ["the host answers the ping", frameToGateway(state, "pong")];
  if (got === "leave")
    return ["the host ends the socket", { ...frameToGateway(state, "end"), hostSocket: "ended" }];
  return ["the host sees the end of the socket", { ...state, hostSocket: "ended" }];
}
