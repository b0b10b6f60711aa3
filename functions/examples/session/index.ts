import type { ModuleWorker } from "narun";

/** A login without a password: cookies, redirects and status codes. */
const worker: ModuleWorker = {
  fetch(request) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/session":
        return show(readCookies(request).get("name"));
      case "/session/login":
        return login(url.searchParams.get("name"));
      case "/session/logout":
        return redirect(["name=; Path=/session; Max-Age=0", "since=; Path=/session; Max-Age=0"]);
      default:
        return new Response("not found\n", { status: 404 });
    }
  },
};

export default worker;

function show(name: string | undefined): Response {
  return name === undefined
    ? new Response("Nobody is logged in. Try /session/login?name=Ada\n", { status: 401 })
    : new Response(`Welcome back, ${name}.\n`);
}

function login(name: string | null): Response {
  if (!name) return new Response("Who? Try /session/login?name=Ada\n", { status: 400 });
  return redirect([
    `name=${encodeURIComponent(name)}; Path=/session; HttpOnly; SameSite=Lax`,
    `since=${new Date().toISOString()}; Path=/session; SameSite=Lax`,
  ]);
}

/** Redirects with 303, after which the browser sends a GET. Each cookie is a header field of its own. */
function redirect(cookies: string[]): Response {
  const headers = new Headers({ location: "/session" });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return new Response(null, { status: 303, headers });
}

function readCookies(request: Request): Map<string, string> {
  const pairs = (request.headers.get("cookie") ?? "").split(/;\s*/);
  return new Map(
    pairs.flatMap((pair): [string, string][] => {
      const at = pair.indexOf("=");
      return at < 1 ? [] : [[pair.slice(0, at), decodeURIComponent(pair.slice(at + 1))]];
    }),
  );
}
