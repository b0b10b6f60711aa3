import type { z } from "zod";
import type { FunctionFile, ProgramFile } from "../contracts/index.ts";
import { readRule } from "../ticks/index.ts";

/** An issue for each schedule without ticks: its rule cannot be read, its zone is unknown, or it never fires. */
export function refuseBadSchedules(
  { schedule = [] }: Pick<FunctionFile | ProgramFile, "schedule">,
  context: z.RefinementCtx,
): void {
  for (const [index, { cron, zone }] of schedule.entries()) {
    const reading = readRule(cron, zone, Date.now());
    if (!reading.ok)
      context.addIssue({ code: "custom", path: ["schedule", index, reading.key], message: reading.issue });
  }
}
