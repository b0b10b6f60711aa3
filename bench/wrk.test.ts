import { describe, expect, it } from "vitest";
import { parseWrk } from "./wrk.ts";

const REPORT = `Running 4s test @ http://127.0.0.1:8080/hello
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.00ms    1.10ms  40.00ms   90.00%
    Req/Sec    16.10k     1.00k   18.00k    70.00%
  Latency Distribution
     50%  870.00us
     75%    2.10ms
     90%    3.00ms
     99%    1.02s 
  64321 requests in 4.00s, 9.10MB read
`;
const END = `Requests/sec:  16080.25
Transfer/sec:      2.27MB
`;

describe("parseWrk", () => {
  it("reads the rate, the number of answers, and percentiles in milliseconds", () => {
    expect(parseWrk(`${REPORT}${END}`)).toEqual({
      requestsPerSecond: 16_080.25,
      requests: 64_321,
      p50Ms: 0.87,
      p99Ms: 1_020,
      errors: 0,
    });
  });

  it("counts broken sockets and refusals as errors", () => {
    const faults = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 10\n";
    expect(parseWrk(`${REPORT}${faults}${END}`).errors).toBe(20);
  });

  it("refuses a text without figures", () => {
    expect(() => parseWrk("unable to connect to 127.0.0.1:1 Connection refused\n")).toThrow(
      /Connection refused/,
    );
  });
});
