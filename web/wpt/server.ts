/** Serves a web-platform-tests checkout on a free port of this machine: its files, and the handlers of handlers.ts. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { handleRequest } from "./handlers.ts";
import { readResource, type Site } from "./resources.ts";

export interface WptServer extends AsyncDisposable {
  readonly site: Site;
}

/** `?pipe=header(Name,value)|…` sets headers of the answer (the suite's syntax). */
function headersOfPipe(url: URL): [string, string][] {
  const pipe = url.searchParams.get("pipe") ?? "";
  return [...pipe.matchAll(/header\(([^,()]+),([^()]*)\)/g)].map(([, name = "", value = ""]) => [
    name,
    value,
  ]);
}

export async function startWptServer(dir: string): Promise<WptServer> {
  const servers = [createServer(answer), createServer(answer)];
  const [port = "", otherPort = ""] = await Promise.all(servers.map(listen));
  // The suite treats 127.0.0.1 as another host than localhost.
  const site: Site = { dir, origin: `http://localhost:${port}`, otherPort };

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", site.origin);
    if (handleRequest(request, response, url)) return;
    request.resume();
    const resource = readResource(site, url);
    if (resource === undefined) {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found");
      return;
    }
    const fields = [...resource.headers, ...headersOfPipe(url)];
    for (const [name, own] of Map.groupBy(fields, ([field]) => field.toLowerCase())) {
      const values = own.map(([, value]) => value);
      // A file's own type replaces the type of its extension. Other fields may have several values.
      response.setHeader(name, name === "content-type" ? (values.at(-1) ?? "") : values);
    }
    response.writeHead(resource.status).end(resource.body);
  }

  return {
    site,
    async [Symbol.asyncDispose]() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

/** Listens on a free port of this machine. */
function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", () => {
      resolve(String((server.address() as AddressInfo).port));
    });
  });
}
