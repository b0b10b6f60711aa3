/** The pages for operators of a whole narun, read by a test, by promtool and by a real Prometheus. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { FREE_PORTS, type Narun, narun, startNarun } from "../../cli/testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../../cli/testing/work-folder.ts";
import { eventually } from "../harness/eventually.ts";
import { programSource } from "../harness/program.ts";
import { freePort, hasPrometheus, type Prometheus, startPrometheus, whySkipped } from "./prometheus.ts";

const ops = fileURLToPath(new URL("../../docs/ops", import.meta.url));
const closers = new AsyncDisposableStack();
let folder: WorkFolder;
let up: Narun;
let addresses: { http: string; metrics: string; nats: string };
let port: number;

beforeAll(async () => {
  port = await freePort();
  const own = `(await import("node:http")).createServer((_, response) => response.end("tool_jobs_total 7\\n")).listen(${port}, "127.0.0.1");`;
  folder = closers.use(
    await createWorkFolder({
      "hello/index.ts": "export default () => new Response('hi');\n",
      "tool.mjs": programSource({ before: own }),
      "tool.yaml": `name: tool\ntag: v7\nnodes: [{ name: n1 }]\nmetrics: { port: ${port}, path: /own }\n`,
      "crash.sh": "#!/bin/sh\nexit 3\n",
    }),
  );
  up = startNarun(["up", "hello", ...FREE_PORTS, "--data-dir", folder.path("data"), "--json"], {
    cwd: folder.dir,
    limitMs: 300_000,
  });
  closers.use(up);
  const [line] = await up.shows(/^\{"http".*\}$/m);
  addresses = z.object({ http: z.string(), metrics: z.string(), nats: z.string() }).parse(JSON.parse(line));
  const run = (...args: string[]) =>
    narun(args, { cwd: folder.dir, env: { NARUN_NATS_URL: addresses.nats }, limitMs: 60_000 });
  const [{ node }] = JSON.parse((await run("nodes", "--json")).stdout);
  await folder.write("tool.yaml", readFileSync(folder.path("tool.yaml"), "utf8").replace("n1", node));
  expect((await run("deploy", "-config", "tool.yaml", "tool.mjs")).code).toBe(0);
  expect((await run("deploy", "--name", "crash", "--tag", "v1", "--node", node, "crash.sh")).code).toBe(0);
  expect((await fetch(`${addresses.http}/hello`)).status).toBe(200);
}, 120_000);
afterAll(() => closers.disposeAsync());

const page = async (path: string) => (await fetch(`${addresses.metrics}${path}`)).text();

it("has the metrics of the gateway and of the node-runner, with the original toolkit's names and labels", async () => {
  const instance = (name: string) => `app_name="${name}",instance_id="${name}-0",node_id="[^"]+"`;
  await eventually(
    async () => {
      const text = await page("/metrics");
      expect(text).toMatch(
        /^http_gateway_requests_total\{method="GET",path="\/hello",status_code="200"\} 1$/m,
      );
      expect(text).toMatch(/^http_gateway_request_duration_seconds_bucket\{le="0.005",/m);
      expect(text).toMatch(/^gateway_nats_requests_total\{subject="hello",status="success"\} 1$/m);
      const run = (name: string) => `${instance(name)},run_id="\\w+"`;
      expect(text).toMatch(new RegExp(`^narun_node_runner_instance_up\\{${run("hello")}\\} 1$`, "m"));
      expect(text).toMatch(new RegExp(`^narun_node_runner_instance_up\\{${run("tool")}\\} 1$`, "m"));
      expect(text).toMatch(
        new RegExp(
          `^narun_node_runner_instance_info\\{${run("tool")},spec_tag="v7",spec_mode="exec",binary_path="[^"]*"\\} 1$`,
          "m",
        ),
      );
      for (const usage of ["memory_max_rss_bytes", "cpu_user_seconds_total", "cpu_system_seconds_total"])
        expect(text).toMatch(
          new RegExp(`^narun_node_runner_instance_${usage}\\{${run("tool")}\\} [\\d.]+$`, "m"),
        );
      expect(text).toMatch(
        new RegExp(`^narun_node_runner_instance_last_exit_code\\{${run("crash")}\\} 3$`, "m"),
      );
      expect(text).toMatch(
        new RegExp(`^narun_node_runner_instance_restarts_total\\{${instance("crash")}\\} \\d+$`, "m"),
      );
      expect(text).toMatch(/^narun_node_instances\{node_id="[^"]+",mode="isolate",phase="ready"\} 1$/m);
    },
    { timeoutMs: 30_000 },
  );
});

it("names the metrics of programs for Prometheus' HTTP service discovery", async () => {
  await eventually(async () => {
    expect(JSON.parse(await page("/discovery"))).toEqual([
      {
        targets: [`127.0.0.1:${port}`],
        labels: {
          job: "narun-workload",
          narun_app: "tool",
          narun_instance_id: "tool-0",
          narun_node_id: expect.any(String),
          narun_tag: "v7",
          __metrics_path__: "/own",
        },
      },
    ]);
  });
});

it("has no more series after paths, methods and names that nobody declared", async () => {
  const series = async () =>
    (await page("/metrics")).split("\n").filter((line) => /^http_gateway_requests_total/.test(line)).length;
  await fetch(`${addresses.http}/nowhere`);
  const before = await series();
  for (let n = 0; n < 30; n++) await fetch(`${addresses.http}/nowhere/${n}`, { method: `M${n}` });
  expect(await series()).toBeLessThan(before + 5);
});

it.skipIf(!hasPrometheus)(`passes promtool's check${whySkipped}`, async () => {
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: await page("/metrics"),
  });
  expect(`${stdout}${stderr}`).toBe("");
  expect(status).toBe(0);
});

it.skipIf(!hasPrometheus)(`has alert rules that fire for their reason alone${whySkipped}`, () => {
  const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", "alerts.test.yml"], {
    cwd: ops,
  });
  expect(`${stdout}${stderr}`).toContain("SUCCESS");
  expect(status).toBe(0);
  expect(spawnSync("promtool", ["check", "config", "prometheus.yml"], { cwd: ops }).status).toBe(0);
});

it("has a dashboard and alerts of metrics that there are", async () => {
  const text = await page("/metrics");
  const declared = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name = ""]) => name));
  const texts = ["dashboard.json", "alerts.yml"].map((file) => readFileSync(`${ops}/${file}`, "utf8"));
  const named = texts.flatMap((one) =>
    [...one.matchAll(/\b(?:narun|http_gateway|grpc_gateway|gateway)_[a-z_]+/g)].map(([name]) => name),
  );
  expect(named.length).toBeGreaterThan(20);
  const missing = named.filter((name) => !declared.has(name.replace(/_(bucket|sum|count)$/, "")));
  expect([...new Set(missing)]).toEqual([]);
});

it.skipIf(!hasPrometheus)(
  `is scraped by a real Prometheus, the programs' own metrics too${whySkipped}`,
  async () => {
    const target = addresses.metrics.replace("http://", "");
    const config = readFileSync(`${ops}/prometheus.yml`, "utf8")
      .replaceAll("127.0.0.1:9090", target)
      .replaceAll("15s", "1s")
      .replace("alerts.yml", `${ops}/alerts.yml`);
    await using prometheus: Prometheus = await startPrometheus(folder.path("prometheus"), config);
    await eventually(
      async () => {
        expect(
          await prometheus.query('tool_jobs_total{job="narun-workload",narun_app="tool",narun_tag="v7"}'),
        ).toMatchObject([{ value: 7, labels: { narun_instance_id: "tool-0" } }]);
        expect(await prometheus.query('narun_node_runner_instance_up{app_name="tool"}')).toMatchObject([
          { value: 1 },
        ]);
        expect(await prometheus.query('sum(up{job="narun"})')).toMatchObject([{ value: 1 }]);
        // Some seconds of scrapes without a failed one.
        expect(await prometheus.query('count_over_time(up{job="narun"}[1m])')).toMatchObject([
          { value: expect.any(Number) },
        ]);
        expect((await prometheus.query('count_over_time(up{job="narun"}[1m])'))[0]?.value).toBeGreaterThan(4);
        expect(await prometheus.query('min_over_time(up{job="narun"}[1m])')).toMatchObject([{ value: 1 }]);
      },
      { timeoutMs: 60_000 },
    );
  },
);
