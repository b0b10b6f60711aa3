import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { startProtocolServer } from "./server.ts";

test("a server whose program cannot be started says so, and does not try on", async () => {
  const keys = await mkdtemp(join(tmpdir(), "narun-test-protocol-"));
  onTestFinished(() => rm(keys, { recursive: true, force: true }));
  const onLost = vi.fn();
  const address = { host: "127.0.0.1", port: 9 };
  const nothing = async () => undefined;
  const starting = startProtocolServer({
    ...{ deno: join(keys, "no-such-program"), address, keys, onLost },
    ...{ onCall: nothing, onError: () => undefined },
  });
  await expect(starting).rejects.toThrow(/QUIC process .*ENOENT/);
  expect(onLost).not.toHaveBeenCalled();
});
