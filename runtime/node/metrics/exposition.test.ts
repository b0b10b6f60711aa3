import { expect, test } from "vitest";
import { formatMetrics } from "./exposition.ts";

test("writes help, type and values, and leaves out a metric without values", () => {
  const text = formatMetrics([
    { name: "a_total", type: "counter", help: "How many\nof a\\b.", values: [{ labels: {}, value: 3 }] },
    { name: "empty", type: "gauge", help: "None.", values: [] },
    {
      name: "b",
      type: "gauge",
      help: "B.",
      values: [
        { labels: { path: 'C:\\x "y"\n', other: "ä" }, value: 0.5 },
        { labels: { path: "z" }, value: Number.POSITIVE_INFINITY },
        { labels: { path: "n" }, value: Number.NaN },
      ],
    },
  ]);
  expect(text).toBe(
    [
      "# HELP a_total How many\\nof a\\\\b.",
      "# TYPE a_total counter",
      "a_total 3",
      "",
      "# HELP b B.",
      "# TYPE b gauge",
      'b{path="C:\\\\x \\"y\\"\\n",other="ä"} 0.5',
      'b{path="z"} +Inf',
      'b{path="n"} NaN',
      "",
    ].join("\n"),
  );
});
