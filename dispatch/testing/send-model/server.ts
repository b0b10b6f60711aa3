import { type Change, type State, toGateway, toHost, without } from "./state.ts";

/** The server takes a message. */
export function serverChanges(state: State): Change[] {
  const changes: Change[] = [];
  const { fromHost, fromRunner } = state;
  for (const line of ["toServer", "lateToServer"] as const) {
    const asked = state[line][0];
    if (asked !== undefined) changes.push(ofGateway(asked, { ...state, [line]: without(state[line]) }));
  }
  const said = fromHost[0];
  if (said !== undefined && said !== STAYS_AWAY)
    changes.push(ofHost(said, { ...state, fromHost: without(fromHost) }));
  if (fromRunner[0] !== undefined)
    changes.push([
      "the server passes on: gone, by the runner",
      toGateway({ ...state, fromRunner: without(fromRunner) }, "gone"),
    ]);
  return changes;
}

/** In place of a host's message: nothing behind it leaves the host. */
export const STAYS_AWAY = "stays away";

/** The server's answer where a subject has no subscriber. */
const NOBODY: Readonly<Record<string, string>> = { request: "no-responders", ask: "nobody-asked" };

function ofGateway(asked: string, state: State): Change {
  if (asked === "ping") return ["the server answers the flush", toGateway(state, "asked")];
  if (asked === "ask" ? !state.takesQuestions : !state.takesRequests)
    return [`the server finds nobody: ${asked}`, toGateway(state, NOBODY[asked] ?? "")];
  const wasDelivered = state.wasDelivered || asked === "request";
  return [`the server delivers: ${asked}`, toHost({ ...state, wasDelivered }, asked)];
}

function ofHost(said: string, state: State): Change {
  switch (said) {
    case "unsubscribe":
      return ["the server unsubscribes the instance", toHost({ ...state, takesRequests: false }, "drained")];
    case "close":
      return ["the server unsubscribes the instance's questions", { ...state, takesQuestions: false }];
    case "end":
      return ["the server sees the host's end", { ...unsubscribed(state), isHostGone: true, toHost: [] }];
    case "away":
      return ["the server sees the host's connection end", unsubscribed(state)];
    case "back":
      return ["the host is back", { ...state, takesRequests: true, takesQuestions: true, isHostAway: false }];
    default:
      return [`the server passes on: ${said}`, toGateway(state, said)];
  }
}

function unsubscribed(state: State): State {
  return { ...state, takesRequests: false, takesQuestions: false };
}
