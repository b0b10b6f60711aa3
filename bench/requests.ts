/** Single requests with their times, over kept connections. */
import { Agent, get, request } from "node:http";

/** Connections without an upper bound of their number. They end with the agent. */
export function createAgent(): Agent & Disposable {
  const agent = new Agent({ keepAlive: true });
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() });
}

/** The time of a request in milliseconds. Rejects if the status is not 200. */
export async function timeRequest(agent: Agent, url: string): Promise<number> {
  return (await call(agent, url)).elapsedMs;
}

/** As `timeRequest`. Rejects if an instance already ran. */
export async function callCold(agent: Agent, url: string): Promise<number> {
  const { elapsedMs, isCold } = await call(agent, url);
  if (!isCold) throw new Error(`${url}: not cold`);
  return elapsedMs;
}

/** How long one request may take. */
const LIMIT_MS = 60_000;

function call(agent: Agent, url: string): Promise<{ elapsedMs: number; isCold: boolean }> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    get(url, { agent, signal: AbortSignal.timeout(LIMIT_MS) }, (response) => {
      response.resume();
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode !== 200) return reject(new Error(`${url}: status ${response.statusCode}`));
        // Only an answer that waited for the start of an instance has this field.
        const isCold = response.headers["server-timing"] !== undefined;
        resolve({ elapsedMs: performance.now() - startedAt, isCold });
      });
    }).on("error", reject);
  });
}

/** Posts JSON. Resolves with the text of a 2xx answer. */
export function postJson(
  agent: Agent,
  url: string,
  json: string,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = {
    ...{ method: "POST", agent, signal: AbortSignal.timeout(LIMIT_MS) },
    headers: { ...headers, "content-type": "application/json" },
  };
  request(url, options, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    const isGood = () => response.statusCode !== undefined && response.statusCode < 300;
    response
      .on("error", reject)
      .on("end", () =>
        isGood() ? resolve(text) : reject(new Error(`${url}: ${response.statusCode} ${text}`)),
      );
  })
    .on("error", reject)
    .end(json);
  return promise;
}
