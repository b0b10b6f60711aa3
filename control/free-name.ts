/** The names that nothing of narun's stores holds, and that a program answers all the same. */
import { InstanceMetadataSchema, instancesOf, NarunError } from "../contracts/index.ts";
import { type DiscoveredService, discoverServices, type Nats, openNodeStates } from "../nats/index.ts";

/** A live service that was not deployed: `serve`, `narun run`, any program with a client of NATS. */
interface Stranger {
  /** The id of its NATS Micro service. */
  id: string;
  version: string;
  /** The machine that it tells. */
  node?: string;
  /** `serve` or `run`, where it is made by narun's own means. */
  mode?: string;
}

/** How many of the services are told to people. */
const MAX_TOLD = 5;

/**
 * Throws NAME_TAKEN, where a service that was not deployed answers `$SRV.PING` for a name: from then on requests would go to the
 * function alone. A login that may not ask passes.
 */
export async function requireFreeName(nats: Nats, name: string): Promise<void> {
  const found = (await discoverServices(nats, { name }).catch(() => [])).flatMap(readStranger);
  const isPlain = ({ mode }: Stranger) => mode === undefined;
  const areNodes = found.some(isPlain) && (await isRunByNode(nats, name));
  const strangers = areNodes ? found.filter((one) => !isPlain(one)) : found;
  if (strangers.length === 0) return;
  const told = strangers.slice(0, MAX_TOLD).map(describe);
  const more = strangers.length > MAX_TOLD ? ` and ${strangers.length - MAX_TOLD} more` : "";
  throw new NarunError("NAME_TAKEN", {
    detail: `${name} is answered by a service that is not deployed: ${told.join(", ")}${more}`,
    name,
    services: strangers,
  });
}

/** Instances of functions and of deployed services are no strangers: they belong to an earlier spec of the name. */
function readStranger({ id, version, metadata }: DiscoveredService): Stranger[] {
  const facts = InstanceMetadataSchema.safeParse(metadata);
  if (!facts.success) return [{ id, version }];
  const { "narun.mode": mode, "narun.node": node } = facts.data;
  return CONSUMER_MODES.has(mode) ? [{ id, version, node, mode }] : [];
}

const CONSUMER_MODES: ReadonlySet<string> = new Set(["serve", "run"]);

/** Programs that a runner of the original toolkit started tell nothing of it, but the runner's state does. */
async function isRunByNode(nats: Nats, name: string): Promise<boolean> {
  const states = await (await openNodeStates(nats)).list();
  return states.some((read) => read.ok && instancesOf(read.value).some((one) => one.function === name));
}

function describe({ id, version, node, mode }: Stranger): string {
  const kind = mode === undefined ? "" : `${mode}, `;
  return `${id} (${kind}version ${version}${node === undefined ? "" : `, on ${node}`})`;
}
