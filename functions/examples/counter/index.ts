import type { Handler } from "narun";
import type { Env } from "./narun-env.d.ts";

/** Counts the requests of each path, in a KV bucket: the counts survive instances, nodes and pushes. */
const counter: Handler<Env> = async (request, env) => {
  const { pathname } = new URL(request.url);
  return Response.json({ path: pathname, count: await increment(env.COUNTS, pathname) });
};

export default counter;

/** Compare-and-set: reads again if another request has written meanwhile. */
async function increment(counts: Env["COUNTS"], key: string): Promise<number> {
  for (;;) {
    const entry = await counts.entry(key);
    const count = (entry?.json<number>() ?? 0) + 1;
    try {
      await counts.put(key, count, { ifRevision: entry?.revision ?? 0 });
      return count;
    } catch (error) {
      if (!(error instanceof Error && error.name === "KvConflictError")) throw error;
    }
  }
}
