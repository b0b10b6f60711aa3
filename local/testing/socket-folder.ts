import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const MACHINE = "0123456789abcdef0123456789abcdef";

export interface SocketFolder extends AsyncDisposable {
  /** Where a host of the folder listens. */
  readonly path: string;
}

export async function makeSocketFolder(): Promise<SocketFolder> {
  const folder = await mkdtemp(join(tmpdir(), "narun-"));
  return {
    path: join(folder, "s"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
