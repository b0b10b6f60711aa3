import { isNarunError } from "../../../../contracts/index.ts";
import { NoReplyError, storeProblem } from "../../../../nats/index.ts";
import { CallError, type HostOperation, type HostOperations } from "../../process/host-calls.ts";

/** The name of the error that code gets while the journals do not answer. A message may have been stored all the same. */
const AWAY = "NATS_JETSTREAM_UNAVAILABLE";

/** Operations on journals, which say so where the journals do not answer: no fault of the code, and a client may repeat. */
export function tellingAway(operations: HostOperations): HostOperations {
  const told = (work: HostOperation): HostOperation => {
    return (values, context) => {
      const result = work(values, context);
      return result instanceof Promise ? result.catch(tell) : result;
    };
  };
  return Object.fromEntries(Object.entries(operations).map(([name, work]) => [name, told(work)]));
}

function tell(error: unknown): never {
  const isNamed = isNarunError(error);
  const isSilent = error instanceof NoReplyError || storeProblem(error) === "away";
  throw isNarunError(error, AWAY) || (isSilent && !isNamed)
    ? new CallError(AWAY, `${AWAY}: the journals of the workflows do not answer now`)
    : error;
}
