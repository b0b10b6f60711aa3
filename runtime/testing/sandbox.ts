import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine, type Engine, type Sandbox } from "../host/isolate/engine.ts";
import { createIsolateTimers } from "../host/isolate/process/isolate-timers.ts";
import { BUNDLE_FILE } from "../host/isolate/process/source-maps.ts";
import { loadSnapshot } from "../host/isolate/snapshot.ts";
import { EnterOp, FailureKind, PostOp, splitHeaderBlock } from "../platform/boundary.ts";
import { joinHeaderBlock } from "./header-block.ts";

/** What a function answered in a real isolate. */
export type Answer =
  | { kind: "response"; status: number; headers: [string, string][]; body: string | ArrayBuffer | undefined }
  | { kind: "failure"; why: keyof typeof FailureKind; text: string };

export interface TestFunction {
  readonly sandbox: Sandbox;
  readonly logs: { level: string; text: string; request: number }[];
  call(request?: {
    method?: string;
    url?: string;
    headers?: [string, string][];
    body?: Uint8Array;
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
  env: Record<string, string> = {},
): Promise<TestFunction> {
  const answers = new Map<number, (answer: Answer) => void>();
  const logs: TestFunction["logs"] = [];
  let sandbox: Sandbox | undefined;
  const timers = createIsolateTimers((id) => void sandbox?.enter(CPU_MS, EnterOp.timer, id));
  sandbox = await (await testEngine()).create(128, (op, a, b, c, d) => {
    if (op === PostOp.response) {
      const body = d as string | ArrayBuffer | undefined;
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
    else if (op === PostOp.setTimer) timers.set(a as number, b as number);
    else if (op === PostOp.clearTimer) timers.clear(a as number);
  });
  const loaded = await sandbox.load({ code, fileName: BUNDLE_FILE, env, cpuMs: CPU_MS });
  if (loaded.kind !== "ok") throw Object.assign(new Error(`not loaded: ${loaded.kind}`), { loaded });
  const ready = sandbox;
  let nextId = 1;
  return {
    sandbox: ready,
    logs,
    async call({ method = "GET", url = "http://test/", headers = [], body } = {}) {
      const id = nextId++;
      const answer = new Promise<Answer>((resolve) => answers.set(id, resolve));
      const bytes = body === undefined ? undefined : new Uint8Array(body).buffer;
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
      if (entered.kind !== "ok") throw Object.assign(new Error(`entry ended: ${entered.kind}`), { entered });
      return answer;
    },
  };
}

/** The JSON that a handler answered. */
export async function callJson(
  code: string,
  request?: Parameters<TestFunction["call"]>[0],
): Promise<unknown> {
  const answer = await (await loadTestFunction(code)).call(request);
  if (answer.kind !== "response") throw new Error(`${answer.why}: ${answer.text}`);
  return JSON.parse(String(answer.body));
}
