import { runProgram } from "../../machine/index.ts";
import { type BubblewrapProbe, probeBubblewrap, wrapBriefly } from "./bubblewrap.ts";
import { HOST_ENVIRONMENT, nodeOptions } from "./spawn-host.ts";

/** The permissions of a process that is started as a host. */
export interface Confinement {
  bubblewrap: BubblewrapProbe;
  /** Permissions that a host must not have. Empty where the confinement works. */
  allowed: string[];
  /** The reason where the probe did not run. */
  failure?: string;
}

/** The variables that a host has. bubblewrap sets `PWD`. */
const OWN_VARIABLES = ["PWD", ...Object.keys(HOST_ENVIRONMENT)];

/** Runs in the confined process, and prints its permissions. */
const SCRIPT = `
  const may = process.permission;
  const allowed = [];
  const note = (what, is) => { if (is) allowed.push(what); };
  note("no permission model", may === undefined);
  note("reading files", may?.has("fs.read", "/etc/passwd"));
  note("writing files", may?.has("fs.write", "/tmp"));
  note("child processes", may?.has("child"));
  note("worker threads", may?.has("worker"));
  note("the inspector", may?.has("inspector"));
  note("variables of the environment", Object.keys(process.env).some((name) => !${JSON.stringify(OWN_VARIABLES)}.includes(name)));
  console.log(JSON.stringify(allowed));
`;

/** Upper bound of the time that the probe takes. */
const PROBE_MS = 10_000;

/** Probes the confinement of host processes on this machine: Node's permission model, and bubblewrap where it works. */
export async function probeConfinement(searchPath?: string): Promise<Confinement> {
  const bubblewrap = await probeBubblewrap(searchPath);
  const command = [process.execPath, ...nodeOptions([]), "--eval", SCRIPT];
  const [program = "", ...values] =
    bubblewrap.path === undefined ? command : wrapBriefly(bubblewrap.path, command);
  const result = await runProgram(program, values, { env: HOST_ENVIRONMENT, timeoutMs: PROBE_MS });
  if (result.outcome === "failed") return { bubblewrap, allowed: [], failure: result.reason };
  return { bubblewrap, allowed: JSON.parse(result.stdout) as string[] };
}
