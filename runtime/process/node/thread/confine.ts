/**
 * The confinement of the thread, before any code of the function runs.
 *
 * I1  The thread gives up its permissions for files, programs, native code, the inspector and further threads.
 * I2  No call of Node signals, debugs or slows another process.
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
  // The named exports of these modules are copies.
  syncBuiltinESMExports();
}

function refuse(holder: object, name: string): void {
  const value = () => {
    const error = new Error(`Access to this API has been restricted: ${name}`);
    throw Object.assign(error, { code: "ERR_ACCESS_DENIED" });
  };
  Object.defineProperty(holder, name, { value, writable: false, configurable: false });
}
