/** The handlers of triggers in a program of one's own: which of them are called, and how. */
import type { TriggerKind } from "../../contracts/index.ts";
import { callTrigger, type Take, TRIGGERS } from "../../web/index.ts";
import { errorText } from "../handler/error-text.ts";
import type { Handlers } from "../handler/handler-sandbox.ts";
import { HandlerMissing } from "../handler/response-parts.ts";

const decoder = new TextDecoder();
const PLATFORM = { Response, decodeUtf8: (bytes: Uint8Array) => decoder.decode(bytes), errorText };

/**
 * The handlers of the triggers that the narun.yaml of a program names. `isProgram`: a node has started it. Errors: a TypeError for
 * handlers that nothing would call, as an author would wait for their calls in vain.
 */
export function triggersOf(
  handler: object,
  { service, isProgram, env }: { service: string; isProgram: boolean; env: unknown },
): NonNullable<Handlers["trigger"]> | undefined {
  const names = TRIGGERS.filter((name) => typeof (handler as Record<string, unknown>)[name] === "function");
  if (names.includes("workflow"))
    throw new TypeError(
      `serve: ${service} is a workflow, and the journal of workflows is in the modes isolate and node only: deploy it by \`narun push\``,
    );
  if (names.length === 0) return undefined;
  if (!isProgram && "~service" in handler)
    throw new TypeError(
      `serve: ${service} hears events by \`.on\`, and nodes bring events to deployed functions only: deploy it by \`narun push\``,
    );
  if (!isProgram)
    throw new TypeError(
      `serve: nothing calls ${names.join(", ")} of ${service}: triggers are keys of narun.yaml. Deploy it by \`narun push\`, as a program too (mode: exec), or serve its \`fetch\` alone: serve({ fetch: app.fetch }, …)`,
    );
  return async (kind, request, context) => {
    const take = takeOf(handler, kind);
    if (take === undefined) throw new HandlerMissing(kind);
    return callTrigger({ trigger: kind, take, request, env, context }, PLATFORM);
  };
}

function takeOf(handler: object, kind: TriggerKind): Take | undefined {
  const member = (handler as Record<string, unknown>)[kind];
  return typeof member === "function" ? (...values) => Reflect.apply(member, handler, values) : undefined;
}
