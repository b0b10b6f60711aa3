import type { Handler } from "narun";
import type { Env } from "./narun-env.d.ts";

/** Stores files of any size. They stream into the object store and out of it, and are never whole in memory. */
export const PUT: Handler<Env> = async (request, env) => {
  const name = nameIn(request);
  if (name === "" || request.body === null)
    return new Response("PUT /files/<name>, with a body\n", { status: 400 });
  const contentType = request.headers.get("content-type") ?? "application/octet-stream";
  const { size, sha256 } = await env.FILES.put(name, request.body, { contentType });
  return Response.json({ name, size, sha256 }, { status: 201 });
};

/** Sends one file, or without a name the list of files. */
export const GET: Handler<Env> = async (request, env) => {
  const name = nameIn(request);
  if (name === "") {
    const { objects } = await env.FILES.list();
    return Response.json(objects.map((object) => ({ name: object.name, size: object.size })));
  }
  const file = await env.FILES.get(name);
  if (file === null) return new Response("no such file\n", { status: 404 });
  const headers = new Headers({ etag: `"${file.sha256}"`, "content-length": String(file.size) });
  if (file.contentType !== undefined) headers.set("content-type", file.contentType);
  return new Response(file.body, { headers });
};

export const DELETE: Handler<Env> = async (request, env) => {
  await env.FILES.delete(nameIn(request));
  return new Response(null, { status: 204 });
};

function nameIn(request: Request): string {
  return decodeURIComponent(new URL(request.url).pathname.slice("/files/".length));
}
