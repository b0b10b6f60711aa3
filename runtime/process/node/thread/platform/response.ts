/** Node's own `Response`, in place of web/fetch/response.ts. */
export const Response = globalThis.Response;
