/**
 * The scripts around a test: additions to its global scope, and the report of its results. The scope claims to be a worker's,
 * as it has no page. It resolves URLs of `fetch` against the suite's server.
 */
import type { Job } from "./messages.ts";
import { readResource } from "./resources.ts";

export interface ScopeScript {
  name: string;
  code: string;
}

/** The functions that the worker process defines on the global object. */
export const REPORT_FUNCTION = "__wptReport";
export const READ_FUNCTION = "__wptRead";

/** All scripts of a test in order, each a classic script. Throws for a missing file. */
export function scriptsOf(job: Job): ScopeScript[] {
  const { dir, origin, test } = job;
  const url = new URL(`/${test.file}${test.variant}`, origin);
  const read = (path: string): ScopeScript => {
    const resource = readResource(job, new URL(path, origin));
    if (resource === undefined) throw new Error(`there is no ${path} in ${dir}`);
    return { name: path, code: resource.body.toString() };
  };
  const isIdlTest = test.scripts.includes("/resources/idlharness.js");
  return [
    { name: "/prologue.js", code: prologue(url) },
    read("/resources/testharness.js"),
    { name: "/setup.js", code: `${SETUP}\n${isIdlTest ? PRETEND_WORKER : ""}` },
    ...test.scripts.map(read),
    read(`/${test.file}`),
    { name: "/end.js", code: "done();" },
  ];
}

/** Ends a test whose time is over. Unsettled subtests are reported as timeouts. */
export const TIMEOUT_SCRIPT: ScopeScript = { name: "/timeout.js", code: "timeout();" };

function prologue(url: URL): string {
  const { href, origin, protocol, host, hostname, port, pathname, search, hash } = url;
  const location = { href, origin, protocol, host, hostname, port, pathname, search, hash };
  return `"use strict";
globalThis.self ??= globalThis;
globalThis.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false };
globalThis.location = Object.assign({ toString() { return this.href; } }, ${JSON.stringify(location)});
if (typeof fetch === "function") {
  // A worker resolves relative URLs against its own URL. A function has none.
  globalThis.fetch = new Proxy(fetch, {
    apply(target, self, [input, ...rest]) {
      if (typeof input === "string" && typeof URL === "function") {
        try { input = new URL(input, location.href).href; } catch {}
      }
      return Reflect.apply(target, self, input === undefined && rest.length === 0 ? [] : [input, ...rest]);
    },
  });
  if (typeof Request === "function") {
    const target = Request;
    const resolve = (input) => {
      if (input instanceof target) return input;
      try { return new URL(input, location.href).href; } catch { return input; }
    };
    globalThis.Request = new Proxy(Request, {
      construct: (_, [input, ...rest], newTarget) =>
        Reflect.construct(target, input === undefined && rest.length === 0 ? [] : [resolve(input), ...rest], newTarget),
    });
    Request.prototype.constructor = Request;
  }
} else {
  const read = globalThis.${READ_FUNCTION};
  globalThis.fetch = async (input) => {
    const text = read(String(input));
    if (text === undefined) throw new TypeError("there is no " + input);
    return {
      ok: true,
      status: 200,
      text: async () => text,
      json: async () => JSON.parse(text),
      arrayBuffer: async () => new TextEncoder().encode(text).buffer,
    };
  };
}
Reflect.deleteProperty(globalThis, "${READ_FUNCTION}");
`;
}

/** As in a worker: the end of the last script tells that every test is defined. */
const SETUP = `"use strict";
setup({ explicit_done: true });
{
  const report = globalThis.${REPORT_FUNCTION};
  Reflect.deleteProperty(globalThis, "${REPORT_FUNCTION}");
  const { stringify } = JSON;
  const { String } = globalThis;
  const reported = new Set();
  const tell = (test) => {
    if (reported.has(test)) return;
    reported.add(test);
    report("subtest", stringify({ name: String(test.name), status: test.status, message: String(test.message ?? "") }));
  };
  add_result_callback(tell);
  add_completion_callback((tests, status) => {
    for (const test of tests) tell(test);
    report("done", stringify({ status: status.status, message: String(status.message ?? "") }));
  });
}
`;

/** The IDL harness checks the kind of the scope to decide which interfaces must exist. */
const PRETEND_WORKER = `
Object.defineProperty(globalThis, "DedicatedWorkerGlobalScope", {
  configurable: true,
  value: class DedicatedWorkerGlobalScope { static [Symbol.hasInstance](value) { return value === globalThis; } },
});
`;
