import type { Command } from "commander";
import { messageOf, NarunError } from "../contracts/index.ts";
import { connectNats, type Nats, refusalOf, storeProblem } from "../nats/index.ts";
import { type NatsFlags, resolveNats } from "./nats-login.ts";
import { createOutput, type Output } from "./output/output.ts";
import { explainFailure } from "./output/report-error.ts";

/** The options that every command has. */
export interface CommonOptions extends NatsFlags {
  json?: boolean;
  quiet?: boolean;
}

/** Runs a command's work with a connection that is closed afterwards, whatever happens. */
export async function withNats(
  command: Command,
  work: (nats: Nats, output: Output) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<CommonOptions>();
  const output = createOutput(options);
  const nats = await connectNats({
    ...resolveNats(options),
    name: `narun ${command.name()}`,
    onRefused(error) {
      // The connection goes on trying, and a command that follows something with it. Other refusals end what needs them.
      if (error.code !== "NATS_PERMISSIONS_VIOLATION") output.note(explainFailure(error));
    },
  });
  try {
    await work(nats, output);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal !== undefined) throw refusal;
    if (error instanceof NarunError) throw error;
    if (nats.state === "connected") {
      if (storeProblem(error) !== "away") throw error;
      throw new NarunError("NATS_JETSTREAM_UNAVAILABLE", { detail: messageOf(error) }, { cause: error });
    }
    const detail = `the connection to ${nats.url} was lost: ${messageOf(error)}`;
    throw new NarunError("NATS_UNREACHABLE", { detail }, { cause: error });
  } finally {
    await nats.close();
  }
}
