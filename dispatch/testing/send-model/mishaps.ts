import { STAYS_AWAY } from "./server.ts";
import { type Change, type State, say } from "./state.ts";

/** The ways in which an instance's end begins, and in which connections break. No other event waits for them. */
export function mishapsOf(state: State): Change[] {
  return [...endsOf(state), ...gatewayBreaks(state), ...hostBreaks(state), ...socketBreaks(state)];
}

function endsOf(state: State): Change[] {
  const changes: Change[] = [];
  const { instance } = state;
  if (instance === "gone" || instance === "dead") return changes;
  if (instance === "ready") changes.push(["a limit is hit", { ...state, instance: "condemned" }]);
  if (instance === "ready" || instance === "condemned") {
    const drains = say({ ...state, instance: "draining" }, "unsubscribe");
    changes.push(["the instance drains", drains]);
    if (!state.isRunnerDead)
      changes.push(["the runner dies, and its host drains", { ...drains, isRunnerDead: true }]);
  }
  return [...changes, ...deathsOf(state)];
}

function deathsOf(state: State): Change[] {
  const { fromHost, isRunnerDead } = state;
  return beginnings(fromHost.filter((text) => text !== STAYS_AWAY)).flatMap((said) =>
    beginnings(state.socketToGateway).map((frames): Change => {
      const dead: State = { ...state, instance: "dead", hasRequest: false, fromHost: [...said, "end"] };
      const died = state.carrier === "nats" ? dead : cut(dead, [], frames);
      const event = `the host dies, ${said.length} said, ${frames.length} by its socket`;
      // Where the runner is dead as well, the gateway asks NATS for the instance when the next runner appears.
      return isRunnerDead ? [`${event}, alone`, died] : [event, { ...died, fromRunner: ["gone"] }];
    }),
  );
}

function gatewayBreaks(state: State): Change[] {
  if (state.hasBroken || state.request !== "under-way") return [];
  const { toServer, toGateway } = state;
  const isFlushing = toServer.includes("ping") || toGateway.includes("asked");
  return beginnings(toServer).flatMap((sent) =>
    beginnings(toGateway).map(
      (read): Change => [
        `the gateway's connection breaks, ${sent.length} sent, ${read.length} read`,
        {
          ...state,
          hasBroken: true,
          isGatewayAway: true,
          toServer: [],
          lateToServer: sent.filter((text) => text !== "ping"),
          // A flush ends with its connection.
          toGateway: isFlushing && !read.includes("asked") ? [...read, "asked"] : read,
        },
      ],
    ),
  );
}

function hostBreaks(state: State): Change[] {
  const isUp = state.instance === "ready" || state.instance === "condemned";
  if (state.hasHostBroken || state.request !== "under-way" || !isUp) return [];
  return beginnings(state.fromHost).flatMap((said) =>
    beginnings(state.toHost).flatMap((read) =>
      ["back", STAYS_AWAY].map(
        (then): Change => [
          `the host's connection breaks, ${said.length} said, ${read.length} read, ${then}`,
          {
            ...state,
            hasHostBroken: true,
            isHostAway: true,
            toHost: read,
            fromHost: [...said, "away", then],
          },
        ],
      ),
    ),
  );
}

function socketBreaks(state: State): Change[] {
  if (state.isCut || state.hostSocket === "ended" || state.request !== "under-way") return [];
  return beginnings(state.socketToHost).flatMap((sent) =>
    beginnings(state.socketToGateway).map(
      (said): Change => [
        `the socket breaks, ${sent.length} sent, ${said.length} said`,
        cut(state, [...sent, "end"], said),
      ],
    ),
  );
}

function cut(state: State, socketToHost: string[], frames: string[]): State {
  return { ...state, isCut: true, socketToHost, socketToGateway: [...frames, "end"] };
}

/** The list without its end, for every length of the end. */
function beginnings(list: string[]): string[][] {
  return Array.from({ length: list.length + 1 }, (_, kept) => list.slice(0, kept));
}
