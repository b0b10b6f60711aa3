import { describe, expect, it } from "vitest";
import { resolveOptions, valuesOf } from "./resolve.ts";
import { traceOptions, tracesOf } from "./traces.ts";

const resolve = async (flags: Record<string, string[]>, environment: Record<string, string> = {}) =>
  tracesOf(valuesOf(await resolveOptions(traceOptions, flags, environment)));

describe("the options of traces", () => {
  it("are off without a collector", async () => {
    expect(await resolve({}, { OTEL_TRACES_SAMPLER: "always_on" })).toBeUndefined();
  });

  it.each([
    ["always_off", "1", false],
    ["traceidratio", "0", false],
    ["traceidratio", "0.01", true],
    // A client may begin a trace that is recorded.
    ["parentbased_always_off", "1", true],
    ["parentbased_traceidratio", "0", true],
  ])("are off with a sampler that takes no trace: %s, %s", async (sampler, ratio, isOn) => {
    const flags = { otlp: ["http://collector:4318"], traceSampler: [sampler], traceRatio: [ratio] };
    expect((await resolve(flags)) !== undefined).toBe(isOn);
  });

  it("come from the variables of OpenTelemetry, and flags win", async () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20key, x-tenant = a",
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
    };
    const headers = { authorization: "Bearer key", "x-tenant": "a" };
    const url = "http://collector:4318";
    expect(await resolve({}, environment)).toEqual({ url, headers, sampler: "traceidratio", ratio: 0.25 });
    const flags = { otlp: ["https://other/"], traceSampler: ["always_on"] };
    expect(await resolve(flags, environment)).toMatchObject({ url: "https://other/", sampler: "always_on" });
  });

  it.each([
    [{ otlp: ["collector:4318"] }, {}],
    [{ otlp: ["nonsense"] }, {}],
    [{ traceSampler: ["sometimes"] }, {}],
    [{ traceRatio: ["2"] }, {}],
    [{ traceRatio: ["-1"] }, {}],
    [{}, { OTEL_EXPORTER_OTLP_HEADERS: "no pair" }],
    [{}, { OTEL_EXPORTER_OTLP_HEADERS: "a=%0d%0ab" }],
    [{}, { OTEL_EXPORTER_OTLP_HEADERS: "a=%" }],
  ])("are refused where they are wrong: %j %j", async (flags, environment) => {
    await expect(resolve(flags as Record<string, string[]>, environment)).rejects.toThrow(/takes/);
  });

  it("do not show a key of the collector", async () => {
    const environment = { OTEL_EXPORTER_OTLP_HEADERS: "secret-key-without-a-pair" };
    await expect(resolve({}, environment)).rejects.not.toThrow(/secret-key/);
    const { otlpHeaders } = traceOptions;
    const source = { kind: "variable", name: "OTEL_EXPORTER_OTLP_HEADERS" } as const;
    expect(otlpHeaders.show({ texts: ["authorization=key"], source })).not.toContain("key");
  });
});
