/**
 * The calls of a binding with `seal`: the host seals the input, sends it and opens the answer, all by one call. It knows service and
 * label by narun.yaml, so that nothing that the code does can send an input in clear.
 */
import { callHost, HostFailure } from "../host/host-call.ts";
import { type Answer, type SendInput, ServiceError } from "./call-answer.ts";
import { onAbort, toError } from "./host-result.ts";

/** The host's answer: the service's, opened, or a refusal by its code. */
type HostAnswer =
  | { status: number; type: string | null; text: string }
  | { code: string; message: string; status: number };

/** `binding`: its name in narun.yaml. */
export function sealedByHost(binding: string): SendInput {
  return async (action, { query, json, signal }) => {
    signal?.throwIfAborted();
    const call = callHost("service.call", binding, action, query, json);
    const aborted = Promise.withResolvers<never>();
    const forget = onAbort(signal, () => {
      call.cancel();
      aborted.reject(signal?.reason);
    });
    try {
      const result = signal === undefined ? call.result : Promise.race([call.result, aborted.promise]);
      return answerOf((await result) as HostAnswer);
    } catch (error) {
      throw error instanceof HostFailure ? toError(error) : error;
    } finally {
      forget();
    }
  };
}

function answerOf(given: HostAnswer): Answer {
  const { status } = given;
  if ("code" in given) {
    const { code, message } = given;
    throw new ServiceError(message, { code, status, requestId: undefined, issues: undefined });
  }
  const { type, text } = given;
  const ok = status >= 200 && status < 300;
  return { status, ok, headers: { get: () => type }, text: async () => text };
}
