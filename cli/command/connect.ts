import { messageOf, NarunError } from "../../contracts/index.ts";
import { connectNats, type Nats, refusalOf, storeProblem } from "../../nats/index.ts";
import type { natsOptions } from "../options/nats.ts";
import { resolveNats } from "../options/nats-access.ts";
import type { Settings } from "../options/resolve.ts";
import type { Output, Progress } from "../output/output.ts";
import { explainFailure } from "../output/report-error.ts";
import { connectLimit } from "./connect-limit.ts";

/** Connects a command. Notes to the user tell of a login that is refused later. */
export function connect(
  settings: Settings<typeof natsOptions>,
  command: string,
  output: Output,
): Promise<Nats> {
  const access = resolveNats(settings);
  return connectNats({
    ...access,
    ...connectLimit(access.url),
    name: `narun ${command}`,
    onWait: showWaits(output),
    onRefused(error) {
      // The connection keeps trying. A permission that is missing ends the operation that needs it, with its own error.
      if (error.code !== "NATS_PERMISSIONS_VIOLATION") output.note(explainFailure(error));
    },
  });
}

/** In a cluster whose server has died, JetStream elects leaders for seconds. */
function showWaits(output: Output): (isWaiting: boolean) => void {
  let progress: Progress | undefined;
  return (isWaiting) => {
    progress?.end();
    progress = isWaiting ? output.progress("waiting for JetStream") : undefined;
  };
}

/** The error to report for a command that failed: a refusal of NATS or a lost connection where one is the cause. */
export function explainByNats(nats: Nats, error: unknown): unknown {
  const refusal = refusalOf(error);
  if (refusal !== undefined) return refusal;
  if (error instanceof NarunError) return error;
  if (nats.state === "connected") {
    if (storeProblem(error) !== "away") return error;
    return new NarunError("NATS_JETSTREAM_UNAVAILABLE", { detail: messageOf(error) }, { cause: error });
  }
  const detail = `the connection to ${nats.url} was lost: ${messageOf(error)}`;
  return new NarunError("NATS_UNREACHABLE", { detail }, { cause: error });
}
