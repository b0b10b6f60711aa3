/**
 * The services that the functions of a host process call, seen from the runner.
 *
 * I1  The process knows of a service before it starts a function that calls it. It hears of each change while such a function runs.
 */
import { capabilitiesOf, type FunctionConfig } from "../../contracts/index.ts";
import type { Callee, Callees } from "../calls/callee.ts";

export interface HostCalleesOptions {
  callees: Callees | undefined;
  /** The functions that run or start. */
  running(): Iterable<FunctionConfig>;
  send(callees: readonly Callee[]): void;
}

export class HostCallees {
  readonly #options: HostCalleesOptions;
  readonly #stop: () => void;
  #services: ReadonlySet<string> = new Set();
  #isClosed = false;

  constructor(options: HostCalleesOptions) {
    this.#options = options;
    const onChange = (service: string) => {
      if (this.#services.has(service)) this.#tell();
    };
    this.#stop = options.callees?.onChange(onChange) ?? (() => undefined);
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
    this.#stop();
  }

  #tell(): void {
    const { callees, send } = this.#options;
    send([...this.#services].flatMap((service) => callees?.find(service) ?? []));
  }
}

function servicesOf(config: FunctionConfig): string[] {
  return capabilitiesOf(config).flatMap((one) => (one.kind === "service" ? [one.service] : []));
}
