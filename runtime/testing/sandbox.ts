import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EnvPlan } from "../../web/bindings/env.ts";
import { splitAnswers } from "../../web/host/batch.ts";
import { EnterOp, FailureKind, PostOp, splitHeaderBlock } from "../../web/host/boundary.ts";
import { BUNDLE_FILE } from "../instance/source-maps.ts";
import { createEngine, type Engine, type Isolate } from "../isolate/engine.ts";
import { loadSnapshot } from "../isolate/image/snapshot.ts";
import { receiveFromIsolate } from "../isolate/operations/stream-adapters.ts";
import type { HostOperations } from "../isolate/process/host-calls.ts";
import { createIsolateLink, type IsolateLink } from "../isolate/process/isolate-link.ts";
import { joinHeaderBlock } from "./header-block.ts";

/** A number is the id of an outbound stream (`readStream`). */
type ArrivedBody = string | ArrayBuffer | number | undefined;

/** The answer of a function in a real isolate. */
export type Answer =
  | { kind: "response"; status: number; headers: [string, string][]; body: ArrivedBody }
  | { kind: "failure"; why: keyof typeof FailureKind; text: string };

export interface TestFunction {
  readonly sandbox: Isolate;
  readonly link: IsolateLink;
  readonly logs: { level: string; text: string; request: number }[];
  /** A whole body, streams included. Throws where a stream breaks. */
  read(body: ArrivedBody): Promise<Uint8Array>;
  call(request?: {
    method?: string;
    url?: string;
    headers?: [string, string][];
    /** A number is the id of a stream that was opened on `link.streams`. */
    body?: Uint8Array | string | number;
  }): Promise<Answer>;
}

let engine: Promise<Engine> | undefined;

/** The engine of this test process, with the platform's own snapshot. */
export function testEngine(): Promise<Engine> {
  engine ??= (async () => {
    const cacheDir = await mkdtemp(join(tmpdir(), "narun-test-platform-"));
    return createEngine(await loadSnapshot(cacheDir), (message) => {
      throw new Error(message);
    });
  })();
  return engine;
}

const CPU_MS = 1_000;

/** Loads a module into an isolate of its own and lets it be called, without NATS. */
export async function loadTestFunction(
  code: string,
  env: Record<string, string> | EnvPlan = {},
  operations: HostOperations = {},
): Promise<TestFunction> {
  const answers = new Map<number, (answer: Answer) => void>();
  const logs: TestFunction["logs"] = [];
  let sandbox: Isolate | undefined;
  const takeAnswers = (result: unknown) =>
    splitAnswers(result, ({ id, status, headerBlock, body }) => {
      answers.get(id)?.({ kind: "response", status, headers: splitHeaderBlock(headerBlock), body });
    });
  const link = createIsolateLink({
    enter: (_owner, ...message) =>
      void sandbox
        ?.enter(CPU_MS, ...message)
        .then((outcome) => outcome.kind === "ok" && takeAnswers(outcome.answers)),
    operations,
    onViolation: (what) => logs.push({ level: "violation", text: what, request: 0 }),
    onCallError: (name, error) => logs.push({ level: "call-error", text: `${name}: ${error}`, request: 0 }),
  });
  sandbox = await (await testEngine()).create(128, (op, a, b, c, d) => {
    if (op === PostOp.response) {
      const body = d as ArrivedBody;
      answers.get(a as number)?.({
        kind: "response",
        status: b as number,
        headers: splitHeaderBlock(c as string),
        body,
      });
    } else if (op === PostOp.failure) {
      const why = (Object.keys(FailureKind) as (keyof typeof FailureKind)[]).find(
        (key) => FailureKind[key] === b,
      );
      answers.get(a as number)?.({ kind: "failure", why: why ?? "threw", text: String(c) });
    } else if (op === PostOp.log) logs.push({ level: String(a), text: String(b), request: c as number });
    else if (op === PostOp.dropped) logs.push({ level: "dropped", text: String(a), request: 0 });
    else link.receive(op, a, b, c, d);
  });
  const envPlan = isPlan(env) ? env : { values: env, bindings: [] };
  const loaded = await sandbox.load({ code, fileName: BUNDLE_FILE, env: envPlan, cpuMs: CPU_MS });
  if (loaded.kind !== "ok") throw Object.assign(new Error(`not loaded: ${loaded.kind}`), { loaded });
  const ready = sandbox;
  let nextId = 1;
  return {
    sandbox: ready,
    link,
    logs,
    async read(body) {
      if (typeof body === "string") return Buffer.from(body);
      if (typeof body !== "number") return new Uint8Array(body ?? new ArrayBuffer());
      const chunks = receiveFromIsolate(link.streams, 0, body);
      return Buffer.concat(await Array.fromAsync(chunks ?? []));
    },
    async call({ method = "GET", url = "http://test/", headers = [], body } = {}) {
      const id = nextId++;
      const answer = new Promise<Answer>((resolve) => answers.set(id, resolve));
      const bytes = body instanceof Uint8Array ? new Uint8Array(body).buffer : body;
      const entered = await ready.enter(
        CPU_MS,
        EnterOp.request,
        id,
        method,
        url,
        joinHeaderBlock(headers),
        bytes,
        `r${id}`,
        0,
      );
      if (entered.kind === "ok") takeAnswers(entered.answers);
      if (entered.kind !== "ok") throw Object.assign(new Error(`entry ended: ${entered.kind}`), { entered });
      return answer;
    },
  };
}

function isPlan(env: Record<string, string> | EnvPlan): env is EnvPlan {
  return typeof env.values === "object";
}

/** The JSON in a handler's answer. */
export async function callJson(
  code: string,
  request?: Parameters<TestFunction["call"]>[0],
  operations: HostOperations = {},
): Promise<unknown> {
  const loaded = await loadTestFunction(code, {}, operations);
  const answer = await loaded.call(request);
  if (answer.kind !== "response") throw new Error(`${answer.why}: ${answer.text}`);
  return JSON.parse(Buffer.from(await loaded.read(answer.body)).toString());
}
