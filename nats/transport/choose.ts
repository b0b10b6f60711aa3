import { NarunError } from "../../contracts/index.ts";

/** `own`: own.ts with writer.ts and splitter.ts. `plain`: the client library alone. */
export type NatsTransport = "own" | "plain";

/**
 * The transport that `NARUN_NATS_TRANSPORT` names; default `own`. Read here as it holds for every connection of a process,
 * also of programs that embed a part of narun. Error: USAGE.
 */
export function resolveTransport(name = process.env.NARUN_NATS_TRANSPORT): NatsTransport {
  if (name === undefined || name === "" || name === "own") return "own";
  if (name === "plain") return name;
  throw new NarunError("USAGE", {
    detail: `NARUN_NATS_TRANSPORT is own or plain; it is ${JSON.stringify(name)}`,
  });
}
