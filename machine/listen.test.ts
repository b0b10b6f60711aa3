import { createServer } from "node:net";
import { expect, it } from "vitest";
import { listen } from "./listen.ts";

it("says USAGE with the option and the reason of an address that this machine does not have", async () => {
  // An address of documentation (RFC 5737).
  const failure = await listen(createServer(), { host: "203.0.113.1", port: 4999 }, "--http").catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ code: "USAGE" });
  expect(String(failure)).toMatch(/--http: .*EADDRNOTAVAIL.*203\.0\.113\.1:4999/);
});
