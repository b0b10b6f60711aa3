/** The facts of a service that decide about calls to it. A host does not read specs: its runner tells them. */
import type { FunctionSpec, Limits } from "../../contracts/index.ts";

export interface Callee extends Pick<FunctionSpec, "name" | "revision" | "paused" | "interface"> {
  limits: Pick<Limits, "timeoutMs" | "maxBodyBytes">;
}

/**
 * A runner hears the heartbeats of nodes, and its hosts do not. `silent`: they have stopped. `replaced`: the node has another runner,
 * which does not know the instances of the former one. `appeared`: they come again.
 */
export type NodeNews = "silent" | "replaced" | "appeared";

/** The knowledge of a runner about the services that functions call, and about the nodes of their instances. */
export interface Callees {
  /** Undefined: narun does not run the service, or calls to it go by gateways alone. */
  find(service: string): Callee | undefined;
  /** Hears of services whose facts have changed; returns the function that ends that. */
  onChange(listener: (service: string) => void): () => void;
  /** Hears of nodes; returns the function that ends that. */
  onNode(listener: (node: string, news: NodeNews) => void): () => void;
}

/** The callees of a runner, which calls `changed` after each change of a spec, and `nodeChanged` with news of a node. */
export function createCallees(
  specOf: (service: string) => FunctionSpec | undefined,
): Callees & { changed(service: string): void; nodeChanged(node: string, news: NodeNews): void } {
  const listeners = new Set<(service: string) => void>();
  const nodeListeners = new Set<(node: string, news: NodeNews) => void>();
  return {
    find: (service) => calleeOf(specOf(service)),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onNode(listener) {
      nodeListeners.add(listener);
      return () => nodeListeners.delete(listener);
    },
    nodeChanged(node, news) {
      for (const listener of nodeListeners) listener(node, news);
    },
    changed(service) {
      for (const listener of listeners) listener(service);
    },
  };
}

/** The facts of a spec; undefined for a program, whose requests gateways put into one message. */
export function calleeOf(spec: FunctionSpec | undefined): Callee | undefined {
  if (spec === undefined || spec.mode === "exec") return undefined;
  const { name, revision, paused, limits, interface: description } = spec;
  const { timeoutMs, maxBodyBytes } = limits;
  return {
    ...{ name, revision, limits: { timeoutMs, maxBodyBytes } },
    ...(paused === undefined ? {} : { paused }),
    ...(description === undefined ? {} : { interface: withoutSchemas(description) }),
  };
}

function withoutSchemas(
  description: NonNullable<FunctionSpec["interface"]>,
): NonNullable<Callee["interface"]> {
  const { version, requires, whenPaused, actions } = description;
  return {
    ...{ version, requires, whenPaused, events: [] },
    actions: actions.map(({ input: _input, output: _output, description: _text, ...action }) => ({
      ...action,
      errors: [],
    })),
  };
}
