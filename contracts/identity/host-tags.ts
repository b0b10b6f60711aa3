/**
 * The tags of a host's login stand for the rights of its functions. The template of the role `host` (roles.ts) makes subjects of
 * them; a kind without a tag gives no subject.
 */
import { capabilitiesOf } from "../bindings/index.ts";
import type { FunctionConfig } from "../function-config.ts";

/** The configuration of a function, as far as it decides about rights. */
export type RightsFacts = Pick<FunctionConfig, "name" | "bindings" | "workflow" | "workflowOf"> & {
  /** It is a service. */
  interface?: object | undefined;
};

/** The tags of a host that runs these functions, in an order of their own and each once. */
export function hostTags(functions: Iterable<RightsFacts>): string[] {
  const tags = new Set<string>();
  for (const one of functions) for (const tag of tagsOf(one)) tags.add(tag);
  return [...tags].sort();
}

function tagsOf(config: RightsFacts): string[] {
  const { name, workflow, workflowOf, interface: description } = config;
  return [
    `fn:${name}`,
    // Below the name are the subjects of its actions.
    ...(description === undefined || isTakenName(name) ? [] : [`act:${name}`]),
    ...(description === undefined ? [] : [`say:${name}.>`, `hear:${name}.>`]),
    ...(workflow === undefined ? [] : [`wf:${workflowOf ?? name}`]),
    ...capabilitiesOf(config).flatMap((capability): string[] => {
      switch (capability.kind) {
        case "kv":
          return [`kv:${capability.bucket}`];
        case "objects":
          return [`obj:${capability.bucket}`];
        case "service":
          // The streams of an exchange have the random name of their answerer.
          return [`svc:${capability.service}`, "streams:>"];
        case "publish":
          return capability.subjects.map((subject) => `pub:${subject}`);
        case "events":
          return [
            ...capability.publishes.map((pattern) => `say:${pattern}`),
            ...capability.hears.map((pattern) => `hear:${pattern}`),
          ];
        case "workflow":
          return [`wf:${capability.workflow}`];
        default:
          return [];
      }
    }),
  ];
}

/** First tokens of subjects that are others' own. */
const TAKEN_NAMES = /^(?:narun|logs|status|_.*)$/;

/** Whether a function's name cannot be that of a service: the subjects below it have another meaning. */
export function isTakenName(name: string): boolean {
  return TAKEN_NAMES.test(name);
}

/** An instance in a host with a login of its own: the host's subjects begin with its name. */
export const hostedInstance = (host: string, id: string) => `${host}~${id}`;
