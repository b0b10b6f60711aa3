/** `narun schedule`, on a world that `narun up` started. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { eventually } from "../../test/harness/eventually.ts";
import { type Ended, FREE_PORTS, type Narun, narun, startNarun } from "../testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

const SOURCE = `export default {
  scheduled({ name, input }) {
    console.log("at work: " + name);
    if (input?.fails) throw new TypeError("no paper");
    return { printed: input?.pages ?? 0 };
  },
};\n`;
const CONFIG = `routes: []
schedule:
  - name: nightly
    cron: "30 2 * * *"
    zone: Europe/Berlin
    input: { pages: 3 }
  - name: broken
    cron: "@yearly"
    input: { fails: true }
`;

let folder: WorkFolder;
let up: Narun;
let nats: string;

beforeAll(async () => {
  folder = await createWorkFolder({ "report/index.ts": SOURCE, "report/narun.yaml": CONFIG });
  up = startNarun(["up", ...FREE_PORTS, "--data-dir", folder.path("data"), "--json"], {
    cwd: folder.dir,
    limitMs: 120_000,
  });
  const [line] = await up.shows(/^\{"http".*\}$/m);
  ({ nats } = z.object({ nats: z.string() }).parse(JSON.parse(line)));
});
afterAll(async () => {
  up.kill("SIGTERM");
  await up.ended;
  await up[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const run = (...args: string[]): Promise<Ended> =>
  narun(args, { cwd: folder.dir, env: { NARUN_NATS_URL: nats } });
const schedule = (...args: string[]) => run("schedule", ...args);
const json = async (...args: string[]) => JSON.parse((await schedule(...args, "--json")).stdout);

const allSeen = () =>
  eventually(async () =>
    expect((await json("ls")).map((one: { seen: boolean }) => one.seen)).toEqual([true, true]),
  );

test("schedules are listed with their next ticks, once a node has seen the push", async () => {
  expect(await schedule("ls")).toMatchObject({ code: 0, stdout: "", stderr: /No schedules/ });
  expect(await run("push", "report")).toMatchObject({ code: 0 });
  // No node need have seen the push: the list has its schedules at once.
  expect(await json("ls")).toHaveLength(2);
  await allSeen();
  const { stdout } = await schedule("ls", "report");
  expect(stdout).toMatch(/^FUNCTION +SCHEDULE +CRON +ZONE +NEXT +LAST\n/);
  expect(stdout).toMatch(/^report +broken +@yearly +UTC +\d{4}-01-01 00:00:00 UTC\s*$/m);
  expect(stdout).toMatch(
    /^report +nightly +30 2 \* \* \* +Europe\/Berlin +\d{4}-\d\d-\d\d 0[23]:[03]0:00 Europe\/Berlin\s*$/m,
  );
  expect(await json("ls", "other")).toEqual([]);
});

test("a run by hand gives its result; a failed one its error, and the run is shown with its log", async () => {
  const ok = await schedule("run", "report", "nightly");
  expect(ok).toMatchObject({ code: 0, stdout: expect.stringMatching(/ok {2}\d+ms\n\{"printed":3\}\n$/) });
  const failed = await schedule("run", "report", "broken");
  expect(failed).toMatchObject({ code: 1, stdout: expect.stringContaining("failed HANDLER_THREW") });
  expect(failed.stderr).toContain("TypeError: no paper");

  const shown = await json("show", "report", "broken");
  expect(shown).toMatchObject({
    ...{ function: "report", schedule: "broken", cron: "@yearly", zone: "UTC", paused: false },
    next: expect.arrayContaining([
      expect.objectContaining({ utc: expect.stringMatching(/-01-01T00:00:00Z$/) }),
    ]),
    runs: [{ outcome: "failed", code: "HANDLER_THREW", manual: true, attempts: 1 }],
  });
  expect(shown.next).toHaveLength(5);
  const [{ run: id }] = shown.runs;
  await eventually(async () => {
    const one = await schedule("show", "report", "broken", "--run", id);
    expect(one.stdout).toMatch(/TypeError: no paper\n +at [^\n]*index\.ts:4/);
    expect(one.stdout).toContain("at work: broken");
  });
  expect(await json("show", "report", "broken", "--run", id)).toMatchObject({ run: id });
});

test("a paused schedule stays paused over pushes, runs by hand, and is resumed", async () => {
  expect(await schedule("pause", "report", "nightly")).toMatchObject({
    code: 0,
    stdout: "report  nightly  paused\n",
  });
  expect((await schedule("pause", "report", "nightly")).stderr).toContain("It was paused already.");
  await folder.write("report/narun.yaml", CONFIG.replace("30 2 * * *", "45 3 * * *"));
  expect(await run("push", "report")).toMatchObject({ code: 0 });
  await eventually(async () =>
    expect(await json("show", "report", "nightly")).toMatchObject({
      ...{ cron: "45 3 * * *", paused: true, next: [] },
    }),
  );
  expect(await schedule("run", "report", "nightly")).toMatchObject({ code: 0 });
  expect(await json("resume", "report", "nightly")).toEqual({
    ...{ function: "report", schedule: "nightly", changed: true, paused: false },
  });
  const [next] = (await json("show", "report", "nightly")).next;
  expect(next.local).toMatch(/03:45:00 Europe\/Berlin$/);
  // The way back takes the schedule of the revision before.
  expect(await run("rollback", "report")).toMatchObject({ code: 0 });
  await eventually(async () => expect((await json("show", "report", "nightly")).cron).toBe("30 2 * * *"));
});

test("a schedule with another name begins anew, and a removed function has none", async () => {
  await folder.write("report/narun.yaml", CONFIG.replace("nightly", "daily"));
  expect(await run("push", "report")).toMatchObject({ code: 0 });
  await eventually(async () => {
    const names = (await json("ls")).map((one: { schedule: string }) => one.schedule);
    expect(names).toEqual(["broken", "daily"]);
  });
  await allSeen();
  expect(await json("show", "report", "daily")).toMatchObject({ runs: [] });
  expect(await schedule("show", "report", "nightly")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("report has no schedule nightly; it has broken, daily"),
  });
  expect(await run("rm", "report")).toMatchObject({ code: 0 });
  await eventually(async () => expect(await json("ls")).toEqual([]));
  expect((await schedule("run", "report")).stderr).toContain("report has no schedules");
});

test("a wrong use is told", async () => {
  expect(await schedule("stop", "report")).toMatchObject({ code: 2 });
  expect(await schedule("pause")).toMatchObject({ code: 2 });
  expect(await schedule("ls", "--detach")).toMatchObject({ code: 2 });
});
