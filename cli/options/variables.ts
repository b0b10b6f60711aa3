/** The environment variables of narun, and the check for misspelt ones. */
import { nearest } from "../../contracts/index.ts";
import { outputOptions } from "./common.ts";
import { caddy, mcp, openApi, trustedProxies } from "./listen.ts";
import { logLevel } from "./log-level.ts";
import { natsOptions } from "./nats.ts";
import { egressDeny, nodeBounds } from "./node.ts";
import type { Option } from "./option.ts";
import type { Environment } from "./resolve.ts";
import { runtaraOptions } from "./runtara.ts";
import { shortPath } from "./short-path.ts";
import { keysDir, keysPassphrase, natsServer, secretsKey } from "./storage.ts";
import { traceOptions } from "./traces.ts";
import { workers } from "./workers.ts";

const WITH_VARIABLES: readonly Option<unknown>[] = [
  ...Object.values(natsOptions),
  ...Object.values(outputOptions),
  ...Object.values(nodeBounds),
  ...[
    egressDeny,
    trustedProxies,
    openApi,
    mcp,
    caddy,
    shortPath,
    workers,
    logLevel("info"),
    natsServer,
    secretsKey,
    keysDir,
    keysPassphrase,
  ],
  ...Object.values(traceOptions),
  runtaraOptions.deno,
];

/** Every variable that an option reads. A command loads its own options only, so this list stands apart. */
export const knownVariables: readonly string[] = WITH_VARIABLES.flatMap(({ variables }) => variables);

/** One sentence for each variable that has narun's prefix and no option, with the nearest name. */
export function describeUnknownVariables(environment: Environment): string[] {
  const own = knownVariables.filter((name) => name.startsWith(PREFIX));
  return Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX) && !own.includes(name))
    .map((name) => {
      const meant = nearest(name, own);
      const advice = meant === undefined ? "`narun config` lists the variables." : `Did you mean ${meant}?`;
      return `narun reads no variable ${name}. ${advice}`;
    });
}

const PREFIX = "NARUN_";
