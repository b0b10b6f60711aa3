/**
 * The confinement of the thread, before any code of the function runs.
 *
 * I1  The thread gives up its permissions for files, programs, native code, the inspector and further threads: it needs none.
 * I2  No database in files: every function and class of `node:sqlite` refuses.
 * I3  No call of Node signals, debugs or slows another process: these calls refuse.
 */
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";

const SCOPES = ["fs", "worker", "child", "addon", "wasi", "inspector"];
/** Some are undocumented, and in every version of Node. */
const CALLS_TO_PROCESSES = ["kill", "_kill", "_debugProcess", "_debugEnd"];

/** Error: where this version of Node cannot give permissions up. */
export function confineThread(): void {
  const { permission } = process as { permission?: { drop?(scope: string): void } };
  if (permission?.drop === undefined)
    throw new Error("the mode node needs Node 26: it cannot confine a thread before");
  for (const scope of SCOPES) permission.drop(scope);
  for (const name of CALLS_TO_PROCESSES) refuse(process, name);
  refuse(os, "setPriority");
  refuseDatabases();
  // The named exports of these modules are copies.
  syncBuiltinESMExports();
}

/** Its named exports are copies that no call renews: an import before this one would keep the originals. */
function refuseDatabases(): void {
  const sqlite = process.getBuiltinModule("node:sqlite");
  for (const [name, value] of Object.entries(sqlite)) if (typeof value === "function") refuse(sqlite, name);
}

/** Makes a call throw, for good. */
export function refuse(holder: object, name: string): void {
  // It may stand for a class: an arrow function cannot be called by `new`.
  function value(): never {
    const error = new Error(`Access to this API has been restricted: ${name}`);
    throw Object.assign(error, { code: "ERR_ACCESS_DENIED" });
  }
  Object.defineProperty(holder, name, { value, writable: false, configurable: false });
}
