import type { KindEntry } from "../../triggers/index.ts";

/** Workflows, as one kind of trigger: the ends of their waits call their functions. */
export const workflowKind: KindEntry = {
  isNeeded: ({ workflow }) => workflow !== undefined,
  load: async (parts) => (await import("../../workflows/index.ts")).followWorkflows(parts),
};
