import { Agent, get } from "node:http";
import { AnnouncementSchema, subjects } from "../contracts/index.ts";
import { connectNats } from "../nats/index.ts";
import { HELLO, writeFunctions } from "./functions.ts";

/** Number of functions that take turns. The others fall asleep while one is called. */
const FUNCTIONS = 8;
const IDLE_SECONDS = 0.1;

/** Functions that fall asleep at once, for cold requests. The caller disposes the folder. */
export function writeColdFunctions(): ReturnType<typeof writeFunctions> {
  const config = `scale: { idleSeconds: ${IDLE_SECONDS} }\n`;
  return writeFunctions(names().map((name) => ({ name, code: HELLO, config })));
}

/** Latencies of requests to functions without an instance, in milliseconds. The node already has the bundle. */
export async function measureCold(http: string, natsUrl: string, starts: number): Promise<number[]> {
  const nats = await connectNats({ url: natsUrl, name: "narun bench" });
  const asleep = new Map<string, PromiseWithResolvers<void>>();
  nats.subscribe(subjects.announcementsAll, (message) => {
    const announcement = AnnouncementSchema.parse(JSON.parse(message.text()));
    if (announcement.state === "gone") asleep.get(announcement.function)?.resolve();
  });
  await nats.flush();
  const agent = new Agent({ keepAlive: true });
  const call = async (name: string) => {
    await asleep.get(name)?.promise;
    asleep.set(name, Promise.withResolvers());
    return timeRequest(agent, `${http}/${name}`);
  };
  // The first round brings the bundles to the node.
  for (const name of names()) await call(name);
  const latencies: number[] = [];
  while (latencies.length < starts) for (const name of names()) latencies.push(await call(name));
  agent.destroy();
  await nats.close();
  return latencies.slice(0, starts);
}

function timeRequest(agent: Agent, url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    get(url, { agent }, (response) => {
      response.resume();
      response.on("end", () => {
        const isCold = response.headers["server-timing"] !== undefined;
        if (response.statusCode === 200 && isCold) resolve(performance.now() - startedAt);
        else reject(new Error(`${url}: status ${response.statusCode}${isCold ? "" : ", not cold"}`));
      });
    }).on("error", reject);
  });
}

function names(): string[] {
  return Array.from({ length: FUNCTIONS }, (_, index) => `cold${index}`);
}
