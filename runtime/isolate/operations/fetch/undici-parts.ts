/**
 * The parts of undici that make exchanges, without its Web classes: these are three quarters of the package, and the first of them
 * loads Node's web streams. A host loads them at its first `fetch`. The package has no door to them alone: written for 8.12.4, whose
 * version is pinned, and the types are those of the door.
 */
import type { Agent, buildConnector, Pool } from "undici";

export interface UndiciParts {
  Agent: typeof Agent;
  Pool: typeof Pool;
  buildConnector: typeof buildConnector;
}

export async function loadUndici(): Promise<UndiciParts> {
  const [agent, pool, connector] = await Promise.all([
    // @ts-expect-error: the package has types for its door only.
    import("undici/lib/dispatcher/agent.js"),
    // @ts-expect-error: the same.
    import("undici/lib/dispatcher/pool.js"),
    // @ts-expect-error: the same.
    import("undici/lib/core/connect.js"),
  ]);
  return { Agent: agent.default, Pool: pool.default, buildConnector: connector.default };
}
