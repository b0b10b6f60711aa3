import { availableParallelism } from "node:os";
import { type GivenText, toggle, value } from "./option.ts";
import { wrongValue } from "./values.ts";

const MAX_WORKERS = 256;

/** The number of processes of a gateway. Connections of one address are divided between processes on Linux only. */
export const workers = value({
  flag: "--workers <count>",
  variables: ["NARUN_WORKERS"],
  help: "processes of the gateway, which share its address; more than 1 on Linux only",
  fallback: "auto",
  parse: parseWorkers,
});

/** For the processes that a gateway starts. */
export const ofGateway = toggle({ flag: "--of-gateway", help: "", isHidden: true });

function parseWorkers(given: GivenText): number {
  if (given.text === "auto") return defaultWorkers();
  const count = /^\d{1,3}$/.test(given.text) ? Number(given.text) : 0;
  if (count < 1 || count > MAX_WORKERS) throw wrongValue(given, `auto, or a number from 1 to ${MAX_WORKERS}`);
  if (count > 1 && process.platform !== "linux") throw wrongValue(given, "1 on this operating system");
  return count;
}

/** The other half of the cores is for functions and nats-server. */
function defaultWorkers(): number {
  return process.platform === "linux" ? Math.max(1, Math.floor(availableParallelism() / 2)) : 1;
}
