import { z } from "zod";
import type { ErrorCode } from "./error-catalogue.ts";
import { MAX_INSTANCES } from "./function-config.ts";
import { NameSchema, RevisionSchema } from "./names.ts";
import { ServiceDescriptionSchema } from "./service-description.ts";

/** Asks a node to start one instance of a function, on `narun.demand.<node>`. Asking twice starts one. */
export const DemandSchema = z.object({
  function: NameSchema,
  revision: RevisionSchema,
  /**
   * The instances on this node that the gateway knows: another one is wanted beside them. Gateways that know the same ones mean
   * the same new one. Undefined: none.
   */
  beside: z.array(z.string()).max(MAX_INSTANCES).optional(),
});
export type Demand = z.infer<typeof DemandSchema>;

/** A node's answer to a demand. After `starting`, an announcement (`ready` or `gone`) follows. */
export const DemandReplySchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("starting"), instance: z.string() }),
  z.object({ outcome: z.literal("running"), instance: z.string(), concurrency: z.int().min(1) }),
  z.object({ outcome: z.literal("refused"), code: z.string(), reason: z.string() }),
]);
export type DemandReply = z.infer<typeof DemandReplySchema>;

/** The codes of failed starts that say nothing about other nodes: these may have the platform, the interpreter, the means. */
export const OF_ONE_NODE: ReadonlySet<string> = new Set([
  "PROGRAM_UNFIT",
  "PROGRAM_NOT_STARTED",
  "NODE_CANNOT_CONFINE",
] satisfies ErrorCode[]);

/** Asks a node to evaluate a revision once, in a throwaway isolate, on `narun.try.<node>`, before it goes live. */
export const TrialSchema = z.object({ function: NameSchema, revision: RevisionSchema });
export type Trial = z.infer<typeof TrialSchema>;

export const TrialReplySchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("ok"), interface: ServiceDescriptionSchema.optional() }),
  /** `stack` is source-mapped. */
  z.object({
    outcome: z.literal("failed"),
    code: z.string(),
    message: z.string(),
    stack: z.string().optional(),
  }),
]);
export type TrialReply = z.infer<typeof TrialReplySchema>;
