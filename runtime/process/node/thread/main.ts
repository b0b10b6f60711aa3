/**
 * The thread of a function in the mode `node`: the bundle, its handler, and the objects of `env`. It speaks to the thread of its
 * instance in the messages of isolates (web/host/boundary.ts), and has no login at NATS.
 *
 * I1  The bundle is a module of its own address, `narun:bundle`. It is in no file.
 * I2  An error that nothing catches is a line of the log, as in an isolate. The thread goes on.
 * I3  Every ping is answered by the event loop: a loop of the function is noticed by its silence.
 */
import { registerHooks } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import {
  connectHost,
  createEnv,
  type EnvPlan,
  MethodNotAllowed,
  NoSuchHandler,
  PostOp,
  resolveHandlers,
  startService,
} from "../../../../web/thread.ts";
import { errorText } from "../../../handler/error-text.ts";
import { HandlerSandbox, type LoadHandlers } from "../../../handler/handler-sandbox.ts";
import { HandlerMissing, MethodNotAllowed as NoSuchMethod } from "../../../handler/response-parts.ts";
import { refusalOfService } from "../../../instance/sandbox.ts";
import { BUNDLE_FILE } from "../../../instance/source-maps.ts";
import { ThreadOp, type ThreadStart } from "../thread-messages.ts";
import { confineThread } from "./confine.ts";
import { useConsole } from "./console.ts";
import { guardEgress } from "./egress-guard.ts";
import { installGlobals } from "./globals.ts";
import { currentOwner, runFor } from "./platform/owner.ts";
import { receiveFor } from "./receive.ts";
import { createThreadOwner } from "./thread-owner.ts";
import { installTracedFetch, withTraceOf } from "./traced-fetch.ts";

const { bundle, env, handsOnTraces, isTraced, egress, taken } = workerData as ThreadStart;
const port = parentPort;
if (port === null) throw new Error("this program is a thread");

confineThread();
guardEgress(egress);
const post = (...message: unknown[]) => port.postMessage(message);
connectHost({ post, ask: () => "" });
const log = (level: string, text: string, request = currentOwner()) =>
  post(PostOp.log, level, ownPlaces(text), request);
useConsole(log);
installGlobals();
if (handsOnTraces || isTraced)
  installTracedFetch({
    handsOn: handsOnTraces,
    report: isTraced ? (report) => post(ThreadOp.fetched, ...report) : undefined,
  });
process.on("uncaughtException", (error) => log("error", errorText(error)));
process.on("unhandledRejection", (error) =>
  log("error", `a promise was rejected, and nothing handles it: ${errorText(error)}`),
);

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === BUNDLE_FILE
      ? { url: BUNDLE_FILE, shortCircuit: true, format: "module" }
      : next(specifier, context),
  load: (url, context, next) =>
    url === BUNDLE_FILE ? { format: "module", shortCircuit: true, source: bundle } : next(url, context),
});

const owner = createThreadOwner({ post, ownPlaces, sandbox: () => sandbox });
const sandbox: HandlerSandbox = new HandlerSandbox({ load, within: runFor }, owner);
port.on("message", receiveFor(sandbox, post, taken));
const started = await sandbox.start().catch((error: unknown) => {
  const stack = ownPlaces(errorText(error));
  return {
    ok: false,
    code: "FUNCTION_START_FAILED",
    message: stack.split("\n", 1)[0] ?? "it threw",
    stack,
  } as const;
});
post(ThreadOp.started, started);

async function load(): ReturnType<LoadHandlers> {
  const exports: Record<string, unknown> = await import(BUNDLE_FILE as string);
  const objects = createEnv(env satisfies EnvPlan);
  const handlers = resolveHandlers(exports, objects, env);
  if (typeof handlers === "string") return { ok: false, code: "NO_HANDLER", message: handlers };
  const started = await startService(exports, objects, env.service);
  if (!started.ok) {
    const { code, message: reason, stack } = started;
    return { ok: false, ...refusalOfService({ code, reason, stack }) };
  }
  const { description } = started;
  const { fetch, trigger } = handlers;
  return {
    ...(description === undefined ? {} : { description }),
    fetch(request, context) {
      try {
        // The handler gets Node's own classes: the platform's types describe the same interfaces.
        return withTraceOf(request, () => fetch(request as never, context as never));
      } catch (error) {
        if (error instanceof NoSuchHandler) throw new HandlerMissing(error.name);
        throw error instanceof MethodNotAllowed ? new NoSuchMethod(error.allow) : error;
      }
    },
    async trigger(kind, request, context) {
      try {
        return await withTraceOf(request, () => trigger(kind, request as never, context as never));
      } catch (error) {
        throw error instanceof NoSuchHandler ? new HandlerMissing(error.name) : error;
      }
    },
  };
}

/** The places of this program are narun's own, which no author knows (instance/source-maps.ts). */
function ownPlaces(text: string): string {
  return text.replaceAll(import.meta.url, "narun:thread");
}
