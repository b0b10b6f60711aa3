/** The rates that other machines can reach, calculated from the CPU time of a request. No I/O. */

/** Microseconds of CPU for one request, by process. */
export interface Costs {
  gateway: number;
  host: number;
  natsServer: number;
}

export interface Bound {
  /** Upper bound of requests a second if every core works. */
  allCores: number;
  /** The number of gateways and of hosts that this rate needs. */
  gateways: number;
  hosts: number;
  /** Upper bound of requests a second with one gateway and one host. */
  oneOfEach: number;
}

const US = 1_000_000;

/**
 * The load maker is on another machine. A gateway and a host each count as one thread; a host also has threads of isolates, so
 * its bound is a low one. The nats-server uses any number of threads.
 */
export function boundOn(cores: number, { gateway, host, natsServer }: Costs): Bound {
  const allCores = (cores * US) / (gateway + host + natsServer);
  const numberOf = (cost: number) => Math.ceil((allCores * cost) / US);
  return {
    allCores,
    gateways: numberOf(gateway),
    hosts: numberOf(host),
    oneOfEach: Math.min(allCores, US / Math.max(gateway, host)),
  };
}

const CORES = [2, 8, 64];

/** The cells of a table: one line for each load and number of cores. */
export function formatCores(loads: readonly { load: string; costs: Costs }[]): string[][] {
  const head = [
    "load",
    "cores",
    "requests/s, all cores at work",
    "gateways, hosts for it",
    "with one of each",
  ];
  const lines = loads.flatMap(({ load, costs }) =>
    CORES.map((cores) => {
      const { allCores, gateways, hosts, oneOfEach } = boundOn(cores, costs);
      return [load, `${cores}`, rounded(allCores), `${gateways}, ${hosts}`, rounded(oneOfEach)];
    }),
  );
  return [head, head.map(() => "---"), ...lines];
}

/** Three digits: a calculation has no more. */
function rounded(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en");
}
