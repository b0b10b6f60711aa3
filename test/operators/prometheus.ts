/** A real Prometheus and its promtool, where this machine has them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { runProgram } from "../../machine/index.ts";
import { eventually } from "../harness/eventually.ts";

const found = await Promise.all(
  ["prometheus", "promtool"].map((program) => runProgram(program, ["--version"], { timeoutMs: 20_000 })),
);

/** Whether this machine has Prometheus. A test without it is skipped. */
export const hasPrometheus = found.every(({ outcome }) => outcome === "ok");

/** The end of the title of a test that needs it: the reason why it is skipped. */
export const whySkipped = hasPrometheus ? "" : " (the package prometheus is missing)";

export interface Prometheus extends AsyncDisposable {
  /** The values of an instant query, with their labels. */
  query(expression: string): Promise<{ labels: Record<string, string>; value: number }[]>;
}

const AnswerSchema = z.object({
  status: z.literal("success"),
  data: z.object({
    result: z.array(
      z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
    ),
  }),
});

/** Starts Prometheus in a folder. `config` has the text of its configuration. */
export async function startPrometheus(folder: string, config: string): Promise<Prometheus> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "prometheus.yml"), config);
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: "ignore" },
  );
  const ended = once(child, "exit");
  const ready = async () => {
    const { ok } = await fetch(`http://${address}/-/ready`);
    if (!ok) throw new Error("Prometheus is not ready");
  };
  await eventually(ready, { timeoutMs: 30_000 });
  return {
    async query(expression) {
      const answer = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(expression)}`);
      const { data } = AnswerSchema.parse(await answer.json());
      return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("it listens on a port");
  return address.port;
}
