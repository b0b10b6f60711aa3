/** Signals the ends of requests, background work included, to operations that run on their behalf. */
export interface RequestEnds {
  /** Aborts when the request is over. */
  signalOf(id: number): AbortSignal;
  /** The request is over. */
  end(id: number): void;
  /** All requests are over. */
  close(): void;
}

export function createRequestEnds(): RequestEnds {
  // Created on demand: most requests have no operation that ends with them.
  const controllers = new Map<number, AbortController>();
  return {
    signalOf(id) {
      const controller = controllers.get(id) ?? new AbortController();
      controllers.set(id, controller);
      return controller.signal;
    },
    end(id) {
      const controller = controllers.get(id);
      controllers.delete(id);
      controller?.abort();
    },
    close() {
      for (const controller of controllers.values()) controller.abort();
      controllers.clear();
    },
  };
}
