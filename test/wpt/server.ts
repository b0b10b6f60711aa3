/** Serves a web-platform-tests checkout on a free port of this machine: its files, and what handlers.ts imitates. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { handleRequest } from "./handlers.ts";
import { readResource } from "./resources.ts";

export interface WptServer extends AsyncDisposable {
  readonly origin: string;
}

/** `?pipe=header(Name,value)|…`: the suite's way of asking for a file with other headers. */
function headersOfPipe(url: URL): [string, string][] {
  const pipe = url.searchParams.get("pipe") ?? "";
  return [...pipe.matchAll(/header\(([^,()]+),([^()]*)\)/g)].map(([, name = "", value = ""]) => [
    name,
    value,
  ]);
}

export async function startWptServer(dir: string): Promise<WptServer> {
  let origin = "";
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", origin);
    if (handleRequest(request, response, url)) return;
    request.resume();
    const resource = readResource(dir, url);
    if (resource === undefined) {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found");
      return;
    }
    for (const [name, value] of [...resource.headers, ...headersOfPipe(url)]) response.setHeader(name, value);
    response.writeHead(resource.status).end(resource.body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
