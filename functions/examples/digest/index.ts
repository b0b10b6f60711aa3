import type { Context, ScheduledEvent } from "narun";
import type { Env } from "./narun-env.d.ts";

interface Digest {
  title: string;
  day: string;
}

export default {
  /** Writes the digest of a night. A tick that runs twice, as its node died, writes the same one again. */
  async scheduled(event: ScheduledEvent, env: Env): Promise<Digest> {
    const { title } = event.input as { title: string };
    const digest = { title, day: new Date(event.scheduledTime).toISOString().slice(0, 10) };
    await env.DIGESTS.put("last", digest);
    return digest;
  },

  /** Shows the last digest. */
  async fetch(_request: Request, env: Env, _context: Context): Promise<Response> {
    const entry = await env.DIGESTS.entry("last");
    return entry === null ? new Response("no digest yet\n") : Response.json(entry.json<Digest>());
  },
};
