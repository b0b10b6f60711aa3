import type { FunctionConfig } from "./function-config.ts";

/** The triggers of a function for people, one a text: `subscribe orders.*`, `schedule 0 4 * * * (Europe/Berlin)`. */
export function describeTriggers({
  schedule = [],
  subscribe = [],
  consume = [],
}: Pick<FunctionConfig, "schedule" | "subscribe" | "consume">): string[] {
  return [
    ...schedule.map(({ cron, zone }) => `schedule ${cron}${zone === undefined ? "" : ` (${zone})`}`),
    ...subscribe.map(({ subject }) => `subscribe ${subject}`),
    ...consume.map(({ stream }) => `consume ${stream}`),
  ];
}
