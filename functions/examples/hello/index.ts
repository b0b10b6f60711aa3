import type { Handler } from "narun";

/** Greets whoever the path names: `/hello/Ada`, or the world. The default export may be just a function. */
const hello: Handler<{ GREETING: string }> = (request, env) => {
  const [, , name = ""] = new URL(request.url).pathname.split("/");
  return new Response(`${env.GREETING}, ${decodeURIComponent(name) || "world"}!\n`);
};

export default hello;
