/** The traces of a gateway. It stands in the options of its doors where traces are on; without it a request does nothing. */
import { BoundedMap, type FieldList } from "../../contracts/index.ts";
import type { DispatchObserver } from "../../dispatch/index.ts";
import type { Traces } from "../../traces/index.ts";
import { RequestTrace, type Start } from "./request-trace.ts";

/** Upper bound of the services whose last start is kept, for the requests that waited for it. */
const MAX_STARTS = 1_000;

export class GatewayTraces {
  readonly #traces: Traces;
  readonly #starts = new BoundedMap<string, Start>(MAX_STARTS);

  readonly #startOf = (service: string) => this.#starts.get(service);

  constructor(traces: Traces) {
    this.#traces = traces;
  }

  /** Continues the trace that the fields name, or begins one. `startedMs`: by `performance.now()`. */
  begin(fields: FieldList, startedMs: number): RequestTrace {
    return new RequestTrace({ traces: this.#traces, fields, startedMs, startOf: this.#startOf });
  }

  /** Listens to starts, beside another observer. */
  observing<Observer extends DispatchObserver>(observer: Observer): Observer {
    return {
      ...observer,
      coldStart: (service, startMs, phases) => {
        this.#starts.set(service, { endMs: performance.now(), startMs, phases });
        observer.coldStart(service, startMs, phases);
      },
    };
  }
}
