/** The events of `narun invoke --trigger`. */
import {
  type FunctionSpec,
  fieldName,
  type TriggerFact,
  type TriggerMessage,
} from "../../contracts/index.ts";

/** The triggers that people may call, by the names of narun.yaml and of the handlers. */
export const TRIGGER_NAMES = ["schedule", "queue", "message"] as const;
export type TriggerName = (typeof TRIGGER_NAMES)[number];

export interface TriggerInput {
  data: Uint8Array;
  fields: readonly (readonly [string, string])[];
  /** Default: the function's own subject, stream or schedule, where the spec names one. */
  subject: string | undefined;
  spec: FunctionSpec | undefined;
}

/** The event of a call by hand: it has one message, and happens now. */
export function triggerFact(
  name: TriggerName,
  { data, fields, subject, spec }: TriggerInput,
  nowMs: number,
): TriggerFact {
  const message: TriggerMessage = {
    id: crypto.randomUUID(),
    subject: subject ?? literalOf(spec, name) ?? "narun-invoke",
    timestamp: nowMs,
    attempts: 1,
    headers: headersOf(fields),
    data,
  };
  switch (name) {
    case "schedule":
      return {
        kind: "scheduled",
        cron: spec?.schedule?.[0]?.cron ?? "* * * * *",
        scheduledTime: nowMs,
      };
    case "queue":
      return { kind: "queue", queue: spec?.consume?.[0]?.stream ?? "narun-invoke", messages: [message] };
    case "message":
      return { kind: "message", wantsReply: true, message };
  }
}

/** The first subject of the trigger that is no pattern. */
function literalOf(spec: FunctionSpec | undefined, name: TriggerName): string | undefined {
  const filters = (spec?.consume ?? []).flatMap(({ filter = [] }) => filter);
  const subjects = (spec?.subscribe ?? []).map(({ subject }) => subject);
  return (name === "queue" ? filters : subjects).find((subject) => !/[*>]/.test(subject));
}

function headersOf(fields: TriggerInput["fields"]): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const [name, value] of fields) {
    const { canonical } = fieldName(name);
    headers[canonical] = [...(headers[canonical] ?? []), value];
  }
  return headers;
}
