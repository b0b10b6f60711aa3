import type { ModuleWorker } from "narun";

/**
 * Sends the request back: a body byte for byte, with its content type, or a description of a request without a body as
 * JSON. Method, path and query are in the answer's headers.
 */
const worker: ModuleWorker = {
  async fetch(request) {
    const { pathname, search, searchParams } = new URL(request.url);
    const headers = new Headers({
      "x-echo-method": request.method,
      "x-echo-path": pathname,
      "x-echo-query": search,
    });

    const body = await request.arrayBuffer();
    if (body.byteLength > 0) {
      headers.set("content-type", request.headers.get("content-type") ?? "application/octet-stream");
      return new Response(body, { headers });
    }
    const description = {
      method: request.method,
      path: pathname,
      query: [...searchParams],
      headers: [...request.headers],
    };
    return Response.json(description, { headers });
  },
};

export default worker;
