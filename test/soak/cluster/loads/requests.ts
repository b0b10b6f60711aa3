/** C1  Every GET and every PUT is answered right, with one retry where a connection is lost; so is one that wakes a function. */
import { pushBuild } from "../../../../control/index.ts";
import { buildSource } from "../../../harness/function-source.ts";
import { ask, describe, type Load, type LoadOptions, reasonOf, repeat } from "./load.ts";

const ECHO = `export default {
  async fetch(request) { return new Response(new URL(request.url).search + (await request.text())); },
};`;
const PAUSE_MS = 20;
const WAKE_EVERY_MS = 2_500;

export function createRequests(options: LoadOptions): Load {
  const { places, tally } = options;
  const callOnce = async (name: string, what: string, place: number, number: number) => {
    const isPut = number % 2 === 1;
    const query = `?${place}-${number}`;
    const expected = isPut ? `${query}body` : query;
    const sentAt = performance.now();
    const wrong = await ask(options, place, `/${name}${query}`, isPut ? { method: "PUT", body: "body" } : {})
      .then((answer) => (answer.status === 200 && answer.text === expected ? undefined : describe(answer)))
      .catch(reasonOf);
    tally.took(what, sentAt);
    if (wrong !== undefined) tally.fault(`${what} ${query} at place ${place}: ${wrong}`);
  };
  return {
    async prepare() {
      await pushBuild(places.connection, await buildSource("echo", ECHO, { scale: { min: 1 } }));
      await pushBuild(places.connection, await buildSource("sleeper", ECHO, { scale: { idleSeconds: 0.5 } }));
    },
    async run(signal) {
      await Promise.all([
        ...places.urls.map((_, place) =>
          repeat(signal, PAUSE_MS, (number) => callOnce("echo", "request", place, number)),
        ),
        repeat(signal, WAKE_EVERY_MS, (number) => callOnce("sleeper", "wake", number % 3, 2 * number)),
      ]);
    },
    check: async () => undefined,
  };
}
