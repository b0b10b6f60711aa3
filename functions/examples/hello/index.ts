import type { Handler } from "narun";

/** Greets the name in the path (`/hello/Ada`), or the world. The default export may be a plain function. */
const hello: Handler<{ GREETING: string }> = (request, env) => {
  const [, , name = ""] = new URL(request.url).pathname.split("/");
  return new Response(`${env.GREETING}, ${decodeURIComponent(name) || "world"}!\n`);
};

export default hello;
