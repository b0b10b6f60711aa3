/** The calls by method and path. The two APIs share a port: none of their paths and methods meet. */
import type { Answer, Call } from "./call.ts";
import * as environment from "./environment-api.ts";
import * as images from "./image-api.ts";
import * as instances from "./instance-api.ts";

export interface Route {
  handle(call: Call): Promise<Answer>;
  /** It needs no token. */
  isPublic?: boolean;
}

/** `*` stands for one part of the path. */
const TABLE: Readonly<Record<string, Route | ((call: Call) => Promise<Answer>)>> = {
  "GET health": { handle: environment.health, isPublic: true },
  "GET api/v1/health": { handle: environment.health, isPublic: true },

  "POST api/v1/instances/*/register": instances.register,
  "POST api/v1/instances/*/checkpoint": instances.checkpoint,
  "GET api/v1/instances/*/signals": instances.pollSignals,
  "GET api/v1/instances/*/signals/*": instances.pollSignals,
  "POST api/v1/instances/*/signals/ack": instances.acknowledge,
  "POST api/v1/instances/*/completed": instances.completed,
  "POST api/v1/instances/*/failed": instances.failed,
  "POST api/v1/instances/*/suspended": instances.suspended,
  "POST api/v1/instances/*/sleep": instances.sleep,
  "POST api/v1/instances/*/events": instances.event,
  "POST api/v1/instances/*/retry": instances.retry,
  "GET api/v1/instances/*/status": instances.status,
  "GET api/v1/instances/*/input": instances.input,

  "GET api/v1/instances": environment.list,
  "POST api/v1/instances": environment.start,
  "GET api/v1/instances/*": environment.status,
  "POST api/v1/instances/*/stop": environment.stop,
  "POST api/v1/instances/*/resume": environment.resume,
  "POST api/v1/instances/*/signals": environment.signal,
  "POST api/v1/instances/*/signals/custom": environment.customSignal,
  "GET api/v1/instances/*/checkpoints": environment.listCheckpoints,
  "GET api/v1/instances/*/checkpoints/*": environment.readCheckpoint,
  "GET api/v1/instances/*/events": environment.listEvents,
  "GET api/v1/instances/*/steps": environment.listSteps,
  "GET api/v1/instances/*/scopes/*/ancestors": environment.listAncestors,
  "GET api/v1/tenants/*/metrics": environment.metrics,
  "GET api/v1/agents": environment.listAgents,
  "POST api/v1/agents/test": environment.testCapability,
  "GET api/v1/agents/*/capabilities/*": environment.readCapability,

  "POST api/v1/images": images.register,
  "POST api/v1/images/upload": images.upload,
  "GET api/v1/images": images.list,
  "GET api/v1/images/*": images.get,
  "DELETE api/v1/images/*": images.remove,
};

interface Entry extends Route {
  method: string;
  parts: readonly string[];
}

const entries: readonly Entry[] = Object.entries(TABLE).map(([key, value]) => {
  const [method = "", path = ""] = key.split(" ");
  const route = typeof value === "function" ? { handle: value } : value;
  return { method, parts: path.split("/"), ...route };
});

/** The route of a call, and the parts of the path where the table has `*`. */
export function findRoute(
  method: string,
  parts: readonly string[],
): { route: Route; path: string[] } | undefined {
  // A literal part wins over a `*`, and stands before it in no order of the table.
  const fits = entries.filter((entry) => entry.method === method && fitsParts(entry.parts, parts));
  const [best] = fits.sort((a, b) => countWild(a) - countWild(b));
  return best && { route: best, path: parts.filter((_, index) => best.parts[index] === "*") };
}

function fitsParts(pattern: readonly string[], parts: readonly string[]): boolean {
  return (
    pattern.length === parts.length &&
    pattern.every((part, index) => (part === "*" ? parts[index] !== "" : part === parts[index]))
  );
}

const countWild = ({ parts }: Entry) => parts.filter((part) => part === "*").length;
