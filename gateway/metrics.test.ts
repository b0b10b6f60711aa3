import { expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";

it("adds the metrics of other processes", async () => {
  const one = createMetrics({ counts: () => new Map([["fn", { held: 1, inFlight: 2 }]]) });
  const other = createMetrics({
    counts: () => new Map([["fn", { held: 10, inFlight: 20 }]]),
    others: async () => [JSON.parse(JSON.stringify(await one.values()))],
  });
  for (const metrics of [one, other]) {
    metrics.answered("GET", "/fn", 200, 7);
    metrics.replied("fn", "success");
    metrics.held("fn", 3);
  }
  const { text } = await other.render();
  expect(text.split("\n")).toEqual(
    expect.arrayContaining([
      'http_gateway_requests_total{method="GET",path="/fn",status_code="200"} 2',
      'http_gateway_request_duration_seconds_bucket{le="0.005",method="GET",path="/fn"} 0',
      'http_gateway_request_duration_seconds_bucket{le="0.01",method="GET",path="/fn"} 2',
      'http_gateway_request_duration_seconds_count{method="GET",path="/fn"} 2',
      'gateway_nats_requests_total{subject="fn",status="success"} 2',
      'narun_gateway_held{service="fn"} 11',
      'narun_gateway_in_flight{service="fn"} 22',
      'narun_gateway_hold_seconds_count{service="fn"} 2',
    ]),
  );
});

it("counts answers by status, and their durations in cumulative buckets", async () => {
  const metrics = createMetrics({ counts: () => new Map() });
  for (const ms of [5, 5.1, 60, 12_000]) metrics.answered("GET", "/fn/*", ms > 10_000 ? 504 : 200, ms);
  metrics.answered("POST", 'a"\\b', 404, 1);
  metrics.replied("fn", "success");
  metrics.replied("fn", "success");
  metrics.replied("fn", "timeout");
  const { text } = await metrics.render();
  const linesOf = (name: string) => text.split("\n").filter((line) => line.startsWith(name));
  expect(linesOf("http_gateway_requests_total")).toEqual([
    'http_gateway_requests_total{method="GET",path="/fn/*",status_code="200"} 3',
    'http_gateway_requests_total{method="GET",path="/fn/*",status_code="504"} 1',
    'http_gateway_requests_total{method="POST",path="a\\"\\\\b",status_code="404"} 1',
  ]);
  const bucket = (le: string) =>
    `http_gateway_request_duration_seconds_bucket{le="${le}",method="GET",path="/fn/*"}`;
  const counts = [1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3];
  const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
  expect(linesOf("http_gateway_request_duration_seconds").slice(0, 14)).toEqual([
    ...bounds.map((le, at) => `${bucket(String(le))} ${counts[at]}`),
    `${bucket("+Inf")} 4`,
    expect.stringMatching(
      /^http_gateway_request_duration_seconds_sum\{method="GET",path="\/fn\/\*"\} 12\.070/,
    ),
    'http_gateway_request_duration_seconds_count{method="GET",path="/fn/*"} 4',
  ]);
  expect(linesOf("gateway_nats_requests_total")).toEqual([
    'gateway_nats_requests_total{subject="fn",status="success"} 2',
    'gateway_nats_requests_total{subject="fn",status="timeout"} 1',
  ]);
});
