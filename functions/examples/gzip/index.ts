import type { Handler } from "narun";

/** Sends back what comes, compressed, while it still comes: `curl -T big.log http://…/gzip > big.log.gz`. */
const gzip: Handler = ({ body }) =>
  body === null
    ? new Response("Send something: curl -T <file>\n", { status: 400 })
    : new Response(body.pipeThrough(new CompressionStream("gzip")), {
        headers: { "content-type": "application/gzip" },
      });

export const POST = gzip;
export const PUT = gzip;
