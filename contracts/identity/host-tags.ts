/**
 * The tags of a host's login: what the functions in it may reach. The template of the role `host` (roles.ts) makes subjects of
 * them; a kind without a tag gives no subject.
 */
import { capabilitiesOf } from "../bindings/index.ts";
import type { FunctionConfig } from "../function-config.ts";

/** The configuration of a function, as far as it decides about rights. */
export type RightsFacts = Pick<FunctionConfig, "name" | "bindings" | "workflow" | "workflowOf">;

/** The tags of a host that runs these functions, in an order of their own and each once. */
export function hostTags(functions: Iterable<RightsFacts>): string[] {
  const tags = new Set<string>();
  for (const one of functions) for (const tag of tagsOf(one)) tags.add(tag);
  return [...tags].sort();
}

function tagsOf(config: RightsFacts): string[] {
  const { name, workflow, workflowOf } = config;
  return [
    `fn:${name}`,
    ...(workflow === undefined ? [] : [`wf:${workflowOf ?? name}`]),
    ...capabilitiesOf(config).flatMap((capability): string[] => {
      switch (capability.kind) {
        case "kv":
          return [`kv:${capability.bucket}`];
        case "objects":
          return [`obj:${capability.bucket}`];
        case "service":
          // Exchanges with whoever answers: their names are random.
          return [`svc:${capability.service}`, "streams:>"];
        case "publish":
          return capability.subjects.map((subject) => `pub:${subject}`);
        case "workflow":
          return [`wf:${capability.workflow}`];
        default:
          return [];
      }
    }),
  ];
}

/** An instance in a host with a login of its own: the host's subjects begin with its name. */
export const hostedInstance = (host: string, id: string) => `${host}~${id}`;
