import { expect, test } from "vitest";
import { type ErrorCode, errorCatalogue } from "./error-catalogue.ts";
import { LimitsSchema } from "./function-config.ts";
import { explainFailure } from "./problem.ts";

const limits = LimitsSchema.parse({ memoryMb: 64, maxResponseBytes: 10 });

test.each<[ErrorCode, RegExp]>([
  [
    "DEADLINE_EXCEEDED",
    /^Function hello, limits\.timeoutMs 30000 ms\. Answer sooner, .*`narun logs hello`\.$/,
  ],
  ["MEMORY_LIMIT", /^Function hello, limits\.memoryMb 64 MB\. /],
  ["RESPONSE_TOO_LARGE", /^Function hello, limits\.maxResponseBytes 10 bytes\. /],
  ["HANDLER_THREW", /^Function hello\. The stack is in `narun logs hello`\.$/],
  ["NO_CONSUMER", /^Function hello\. Retry .* `narun nodes`/],
])("%s says who failed, at which limit, and what to do", (code, detail) => {
  expect(explainFailure(code, { name: "hello", kind: "function", limits })).toMatch(detail);
});

test("the value that who answered knows better wins", () => {
  const failed = { name: "hello", kind: "function", limits, limit: 32 } as const;
  expect(explainFailure("MEMORY_LIMIT", failed)).toContain("limits.memoryMb 32 MB");
  expect(explainFailure("HANDLER_THREW", failed)).not.toContain("32");
});

test("of a service that narun does not run no setting of narun is named", () => {
  for (const code of Object.keys(errorCatalogue) as ErrorCode[]) {
    const detail = explainFailure(code, { name: "billing", kind: "service" });
    expect(detail).toMatch(/^Service billing, which narun does not run\./);
    expect(detail).not.toMatch(/limits\.|NAME|narun logs/);
  }
});
