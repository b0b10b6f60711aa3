/**
 * Answers at once, and runs later.
 *
 *     curl -i -d 'three pages' http://127.0.0.1:8080/report        # 202, Location: /report/.narun/calls/…
 *     curl -H 'Prefer: wait=30' http://127.0.0.1:8080/report/.narun/calls/…
 */
export async function POST(request: Request): Promise<Response> {
  const words = (await request.text()).split(/\s+/).filter((word) => word !== "");
  return Response.json({ words: words.length, attempt: Number(request.headers.get("async-attempt")) });
}
