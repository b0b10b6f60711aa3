import { readFile } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { NAME_PATTERN, NarunError } from "../../contracts/index.ts";
import { connectNats, userCacheDir } from "../../nats/index.ts";
import { startNodeRunner } from "../../runtime/index.ts";
import { createOutput } from "../output.ts";
import { type CommonOptions, createLog, resolveNats, untilStopped } from "../session.ts";
import { version } from "../version.ts";

interface NodeOptions extends CommonOptions {
  name?: string;
  cacheDir?: string;
  label: string[];
  logLevel?: string;
}

export function addNodeCommand(program: Command): void {
  program
    .command("node")
    .description("run only a node-runner")
    .option("--name <name>", "the node's name, unique in the system (default: this machine's)")
    .option("--label <key=value>", "a label; may be given more than once", collect, [])
    .option("--cache-dir <dir>", "where bundles are kept (default: the user's cache folder)")
    .option("--log-level <level>", "default info (NARUN_LOG_LEVEL)")
    .action(async (_options: object, command: Command) => {
      const options = command.optsWithGlobals<NodeOptions>();
      const output = createOutput(options);
      const log = createLog(options.logLevel, "info");
      const { stopped } = untilStopped();
      const natsOptions = resolveNats(options);
      const nats = await connectNats({ ...natsOptions, name: "narun node" });
      const creds =
        natsOptions.credsFile === undefined ? {} : { creds: await readFile(natsOptions.credsFile, "utf8") };
      const runner = await startNodeRunner({
        nats,
        hostNats: { url: natsOptions.url ?? nats.url, ...creds },
        node: resolveName(options.name),
        version,
        cacheDir: options.cacheDir ?? join(userCacheDir(), "node"),
        labels: parseLabels(options.label),
        log,
      });
      // Whoever started this process (narun up) waits for it, and wants it to end when it does.
      process.send?.({ ready: true, node: runner.node });
      if (output.isJson) output.json({ node: runner.node, nats: nats.url });
      else if (process.send === undefined) output.line(`node     ${runner.node}\nnats     ${nats.url}`);
      await Promise.race([stopped, new Promise<void>((resolve) => process.on("disconnect", resolve))]);
      await runner.drain();
      await nats.close();
      // An open channel would keep the process alive.
      if (process.connected) process.disconnect?.();
    });
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

function resolveName(name: string | undefined): string {
  const resolved =
    name ??
    os
      .hostname()
      .replace(/[^A-Za-z0-9_-]/g, "-")
      .slice(0, 63);
  if (NAME_PATTERN.test(resolved)) return resolved;
  throw new NarunError("USAGE", {
    detail: `--name takes 1 to 63 characters out of A-Z, a-z, 0-9, _ and -, not ${JSON.stringify(resolved)}`,
  });
}

function parseLabels(labels: string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => {
      const [key = "", ...value] = label.split("=");
      if (key === "" || value.length === 0)
        throw new NarunError("USAGE", { detail: `--label takes KEY=VALUE, not ${JSON.stringify(label)}` });
      return [key, value.join("=")];
    }),
  );
}
