import type { Cleared } from "../../control/index.ts";
import type { Output } from "./output.ts";

/** The state after a push or a rollback, in one or two words. */
export function describeLive({ colours }: Output, answering: boolean): string {
  return answering ? colours.green("live") : colours.yellow("going live");
}

/** The explanation of "going live". */
export function describeReplacing(name: string): string {
  return `Some gateways still answer with the previous revision, until an instance of this one is ready. \`narun ps\` shows the instances, \`narun logs ${name}\` why one does not start.`;
}

/** One line for each place that is in clear from now on. */
export function showCleared({ note, colours }: Output, cleared: readonly Cleared[] = []): void {
  for (const { place, label } of cleared)
    note(colours.yellow(`In clear from now on: ${place}. It was sealed for ${label} before.`));
}
