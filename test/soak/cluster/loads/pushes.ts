/** C7  A push that was accepted is live at every gateway, and the last one stays. */
import { pushBuild } from "../../../../control/index.ts";
import { eventually } from "../../../harness/eventually.ts";
import { buildSource } from "../../../harness/function-source.ts";
import { ask, describe, type Load, type LoadOptions, reasonOf, repeat, SETTLE_MS } from "./load.ts";

const PAUSE_MS = 2_000;
const versionOf = (number: number) => `export default () => new Response("version ${number}");`;

export function createPushLoad(options: LoadOptions): Load {
  const { places, tally } = options;
  const untilLive = (number: number) =>
    Promise.all(
      places.urls.map((_, place) =>
        eventually(
          async () => {
            const answer = await ask(options, place, "/versioned");
            if (answer.text !== `version ${number}`)
              throw new Error(`version ${number} at gateway ${place}: ${describe(answer)}`);
          },
          { timeoutMs: SETTLE_MS },
        ),
      ),
    );
  const push = async (number: number) => {
    const build = await buildSource("versioned", versionOf(number), { scale: { min: 1 } });
    const sentAt = performance.now();
    await eventually(() => pushBuild(places.connection, build), { timeoutMs: SETTLE_MS }).catch((error) =>
      tally.fault(`push ${number}: ${reasonOf(error)}`),
    );
    tally.took("push", sentAt);
    const pushedAt = performance.now();
    await untilLive(number).catch((error) => tally.fault(reasonOf(error)));
    tally.took("pushed and live", pushedAt);
  };
  return {
    prepare: () => push(0),
    run: (signal) => repeat(signal, PAUSE_MS, (number) => push(number + 1)),
    check: async () => undefined,
  };
}
