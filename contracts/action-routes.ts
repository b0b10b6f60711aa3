/** The places of a service's actions: subjects of NATS, and routes of the gateway. */
import type { Route } from "./function-config.ts";
import type { Action, ServiceDescription } from "./service-description.ts";

type Described = {
  readonly name: string;
  readonly routes: readonly Route[];
  readonly interface?: ServiceDescription | undefined;
};

/** The subject to subscribe to: parameters become `*`. */
export function subjectOfAction({ subject }: Pick<Action, "subject">): string {
  return subject
    .split(".")
    .map((token) => (token.startsWith("{") ? "*" : token))
    .join(".");
}

/** Whether a message's subject is one of a service's actions. Every client may send there. */
export function isActionSubject(subject: string, service: string): boolean {
  return subject.startsWith(service) && subject.charAt(service.length) === ".";
}

/** The path of a request to a subject (D2). Each token is encoded for itself. */
export function pathOfSubject(subject: string): string {
  return `/${subject.split(".").map(encodeURIComponent).join(".")}`;
}

/** The routes of a function, and the routes of its actions. A function without routes (`routes: []`) has none for its actions. */
export function allRoutesOf({ routes, interface: description }: Described): readonly Route[] {
  if (description === undefined || routes.length === 0) return routes;
  return [...routes, ...description.actions.flatMap(routesOfAction)];
}

/** `POST /<subject>`, GET where the action is read-only, and its own path. */
export function routesOfAction({ subject, path, method, isReadOnly }: Action): Route[] {
  const own: Route = {
    path: pathOfTemplate(`/${subject}`, "."),
    methods: isReadOnly ? ["GET", "POST"] : ["POST"],
  };
  if (path === undefined) return [own];
  return [own, { path: pathOfTemplate(path, "/"), methods: [method] }];
}

/** A path as routes have it: `*` has a name there, and `>` is a prefix, or the rest of the segment. */
function pathOfTemplate(template: string, separator: "." | "/"): string {
  let wildcards = 0;
  return template
    .slice(1)
    .split(separator)
    .map((part, at) => {
      if (part === "*") {
        wildcards += 1;
        return `{_${wildcards}}`;
      }
      if (part !== ">") return at === 0 ? `/${part}` : part;
      return separator === "/" ? "*" : "{+rest}";
    })
    .join(separator)
    .replace(/^(?!\/)/, "/");
}
