/**
 * The module of a service (functions/sdk/service): its faults refuse the start, its description is asked for in a trial, and its
 * `onStart` handlers end before the first request.
 */
import { errorText } from "../console/error-text.ts";

/** The host's facts about a service before it starts. */
export interface ServicePlan {
  /** The function's name. */
  name: string;
  /** The description is wanted, and nothing begins. */
  isTrial: boolean;
}

/** `description`: as JSON, of a trial. `code`: of the error catalogue. */
export type ServiceStart =
  | { ok: true; description?: string | undefined }
  | { ok: false; code: string; message: string; stack?: string };

/** The life of a service, as the SDK has it. */
interface Life {
  readonly name: unknown;
  readonly fault: unknown;
  readonly startHandlers: readonly ((env: unknown) => unknown)[];
  readonly stopHandlers: readonly ((env: unknown) => unknown)[];
}

/** The service that was started. */
let running: { life: Life; env: unknown } | undefined;

/** Calls the `onStop` handlers. `log` gets the error of a callback that throws; the others are called all the same. */
export async function stopService(log: (text: string) => void): Promise<void> {
  for (const handler of running?.life.stopHandlers ?? []) {
    try {
      await handler(running?.env);
    } catch (error) {
      log(`onStop failed: ${errorText(error)}`);
    }
  }
}

/** Undefined: the module exports none. */
function lifeOf(exports: Record<string, unknown>): Life | undefined {
  const main = exports.default;
  if ((typeof main !== "object" && typeof main !== "function") || main === null) return undefined;
  const life = (main as { "~service"?: unknown })["~service"];
  return typeof life === "object" && life !== null ? (life as Life) : undefined;
}

/** Starts the service of a module. At once where there is nothing to wait for. */
export function startService(
  exports: Record<string, unknown>,
  env: unknown,
  plan: ServicePlan | undefined,
): ServiceStart | Promise<ServiceStart> {
  try {
    const life = lifeOf(exports);
    if (life === undefined || plan === undefined) return { ok: true };
    if (life.fault !== undefined) return failure(life.fault);
    if (life.name !== plan.name) {
      const message = `the service is named ${JSON.stringify(life.name)}, and the function ${JSON.stringify(plan.name)}`;
      return { ok: false, code: "SERVICE_NAMED_OTHERWISE", message };
    }
    if (plan.isTrial) return { ok: true, description: describe(exports.default) };
    running = { life, env };
    return life.startHandlers.length === 0 ? { ok: true } : begin(life, env);
  } catch (error) {
    return failure(error);
  }
}

function describe(module: unknown): string {
  return JSON.stringify((module as { describe(): unknown }).describe());
}

async function begin({ startHandlers }: Life, env: unknown): Promise<ServiceStart> {
  try {
    for (const handler of startHandlers) await handler(env);
    return { ok: true };
  } catch (error) {
    return failure(error);
  }
}

function failure(error: unknown): ServiceStart {
  const stack = errorText(error);
  const code = codeOf(error);
  const message = stack.split("\n", 1)[0] ?? "it threw";
  return { ok: false, code, message: message.replace(/^(?:Uncaught )?ServiceFault: /, ""), stack };
}

function codeOf(error: unknown): string {
  try {
    const { code } = error as { code?: unknown };
    return typeof code === "string" ? code : "FUNCTION_START_FAILED";
  } catch {
    return "FUNCTION_START_FAILED";
  }
}
