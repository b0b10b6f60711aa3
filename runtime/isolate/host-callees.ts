/**
 * The services that the functions of a host process call, seen from the runner.
 *
 * I1  The process knows of a service before it starts a function that calls it. It hears of each change while such a function runs.
 */
import { capabilitiesOf, type FunctionConfig } from "../../contracts/index.ts";
import type { Callee, Callees, NodeNews } from "../calls/callee.ts";

export interface HostCalleesOptions {
  callees: Callees | undefined;
  /** The functions that run or start. */
  running(): Iterable<FunctionConfig>;
  send(callees: readonly Callee[]): void;
  /** News of a node, which instances of the services may be on. */
  sendNode(node: string, news: NodeNews): void;
}

export class HostCallees {
  readonly #options: HostCalleesOptions;
  readonly #stops: (() => void)[];
  #services: ReadonlySet<string> = new Set();
  #isClosed = false;

  constructor(options: HostCalleesOptions) {
    this.#options = options;
    const onChange = (service: string) => {
      if (this.#services.has(service)) this.#tell();
    };
    const { callees } = options;
    if (callees === undefined) this.#stops = [];
    else
      this.#stops = [
        callees.onChange(onChange),
        callees.onNode((...news) => {
          if (this.#services.size > 0) options.sendNode(...news);
        }),
      ];
  }

  /** The functions that run or start are others. */
  look(): void {
    const { callees, running } = this.#options;
    if (callees === undefined || this.#isClosed) return;
    const services = new Set([...running()].flatMap(servicesOf));
    const isSame = services.size === this.#services.size && services.isSubsetOf(this.#services);
    this.#services = services;
    if (!isSame) this.#tell();
  }

  close(): void {
    this.#isClosed = true;
    for (const stop of this.#stops) stop();
  }

  #tell(): void {
    const { callees, send } = this.#options;
    send([...this.#services].flatMap((service) => callees?.find(service) ?? []));
  }
}

function servicesOf(config: FunctionConfig): string[] {
  return capabilitiesOf(config).flatMap((one) => (one.kind === "service" ? [one.service] : []));
}
