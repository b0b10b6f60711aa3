import { expect, test } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { FREE_PORTS, startNarun } from "../testing/narun.ts";
import { allEnded, processesWith } from "../testing/processes.ts";
import { answering, createWorkFolder } from "../testing/work-folder.ts";

const REQUESTS = 60;

/** The value of a counter in the exposition format, over all its labels. */
function sumOf(text: string, name: string): number {
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

test.runIf(process.platform === "linux")(
  "a gateway of several processes answers at one address, sums its metrics, restarts a worker, and ends whole",
  async () => {
    await using folder = await createWorkFolder({ "functions/hello/index.ts": answering("hi") });
    await using up = startNarun(
      ["up", ...FREE_PORTS, "--data-dir", folder.path("data"), "--workers", "3", "--json", "functions"],
      { cwd: folder.dir },
    );
    const [line] = await up.shows(/^\{"http".*\}$/m);
    const { http, metrics } = JSON.parse(line) as { http: string; metrics: string };
    const workersOf = () => processesWith(`--http ${new URL(http).host}`);
    await eventually(() => expect(workersOf().length).toBe(2));
    const textOf = async () => (await fetch(`${metrics}/metrics`)).text();

    // A new connection each: the operating system divides them.
    await eventually(async () => {
      for (let n = 0; n < REQUESTS; n++) {
        const answer = await fetch(`${http}/hello`, { headers: { connection: "close" } });
        expect([answer.status, await answer.text()]).toEqual([200, "hi"]);
      }
      expect(sumOf(await textOf(), "http_gateway_requests_total")).toBeGreaterThanOrEqual(REQUESTS);
    });

    const [first] = workersOf();
    if (first === undefined) throw new Error("there is no worker");
    process.kill(first.pid, "SIGKILL");
    await eventually(() => {
      const now = workersOf().map(({ pid }) => pid);
      expect(now).toHaveLength(2);
      expect(now).not.toContain(first.pid);
    });

    const started = up.descendants();
    up.kill("SIGTERM");
    expect((await up.ended).code).toBe(0);
    await allEnded(started);
  },
);
