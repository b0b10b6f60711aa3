import type { Handler } from "narun";

/** Sends the body back compressed, while it still arrives: `curl -T big.log http://…/gzip > big.log.gz`. */
const gzip: Handler = ({ body }) =>
  body === null
    ? new Response("Send something: curl -T <file>\n", { status: 400 })
    : new Response(body.pipeThrough(new CompressionStream("gzip")), {
        headers: { "content-type": "application/gzip" },
      });

export const POST = gzip;
export const PUT = gzip;
