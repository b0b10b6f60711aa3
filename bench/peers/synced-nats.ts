/** A nats-server that syncs each message to the disk before it acknowledges it, for `NARUN_NATS_SERVER`. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { findNatsServer } from "../../nats-server/index.ts";

/** Writes a script that adds the setting to the file of `-c`, and becomes the server. */
export async function writeSyncedNats(): Promise<{ program: string } & AsyncDisposable> {
  const { NARUN_NATS_SERVER: path } = process.env;
  const named = path ? { path, by: "NARUN_NATS_SERVER" } : undefined;
  const { path: real } = await findNatsServer({ named, env: process.env });
  const folder = await mkdtemp(join(tmpdir(), "narun-bench-synced-"));
  // The server writes its ports into a file that has the name of the program.
  const program = join(folder, basename(real));
  const script = `#!/bin/sh
if [ "$1" = "-c" ]; then
  sed 's/^jetstream {/jetstream {\\n  sync_interval: always/' "$2" > "${folder}/server.conf"
  set -- -c "${folder}/server.conf"
fi
exec "${real}" "$@"
`;
  await writeFile(program, script, { mode: 0o755 });
  return { program, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
