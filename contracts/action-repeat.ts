import { pathOfSubject } from "./action-routes.ts";
import { compileTemplate } from "./route-template.ts";
import type { Action } from "./service-description.ts";
import type { FunctionSpec } from "./spec.ts";
import { isRepeatable } from "./wire/header-mode.ts";

/** The beginning of the path of a call by name (service-description.ts, D3). */
const ACTION_PATH = "/.narun/action/";

/** Whether a request may run twice: as any request, and where it is a call of an action that may be repeated. */
export function mayRepeat(
  spec: Pick<FunctionSpec, "interface"> | undefined,
  { method, rawPath, hasIdempotencyKey }: { method: string; rawPath: string; hasIdempotencyKey: boolean },
): boolean {
  if (isRepeatable(method, hasIdempotencyKey)) return true;
  const action = spec?.interface?.actions.find((one) => isCallOf(one, method, rawPath));
  return action !== undefined && (action.isIdempotent || action.isReadOnly);
}

function isCallOf({ name, subject, path, method: own }: Action, method: string, rawPath: string): boolean {
  if (method === "POST" && (rawPath === ACTION_PATH + name || rawPath === pathOfSubject(subject)))
    return true;
  const isTemplated = (template: string) => template.includes("{") && !/[*>]/.test(template);
  if (method === "POST" && isTemplated(subject) && compileTemplate(`/${subject}`).test(rawPath)) return true;
  if (path === undefined || method !== own) return false;
  return rawPath === path || (isTemplated(path) && compileTemplate(path).test(rawPath));
}
