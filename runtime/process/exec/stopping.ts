/** The outcome of an order that a host on its way out refuses. */
export const STOPPING = { ok: false, code: "NODE_STOPPING", message: "the host is stopping" } as const;
