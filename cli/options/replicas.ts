import { MAX_COPIES } from "../../nats/index.ts";
import { type GivenText, value } from "./option.ts";
import { wrongValue } from "./values.ts";

/** Copies of narun's stores. Commands that make many of them have the flag, too. */
export const replicas = value({
  flag: "--replicas <number>",
  variables: ["NARUN_REPLICAS"],
  help: "copies of narun's buckets and streams in a NATS cluster, 1 to 5",
  fallbackHelp: "3 where the cluster has three servers, else 1",
  parse: parseCopies,
});

function parseCopies(given: GivenText): number {
  const copies = /^\d$/.test(given.text) ? Number(given.text) : 0;
  if (copies >= 1 && copies <= MAX_COPIES) return copies;
  throw wrongValue(given, `a number from 1 to ${MAX_COPIES}`);
}
