/** Two folders with the same function name: no command pushes either. */
import { expect, test } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { FREE_PORTS, type Narun, narun, startNarun } from "../testing/narun.ts";
import { answering, createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

const createFolders = (): Promise<WorkFolder> =>
  createWorkFolder({
    "functions/one/index.ts": answering("one"),
    "functions/one/narun.yaml": "name: same\n",
    "functions/other/index.ts": answering("other"),
    "functions/two/index.ts": answering("two"),
    "functions/two/narun.yaml": "name: same\n",
  });

const BOTH = "functions/one and functions/two are both same";

async function natsOf(world: Narun): Promise<string> {
  const [, nats = ""] = await world.shows(/"nats":"(nats:[^"]+)"/);
  return nats;
}

async function namesOf(nats: string): Promise<string[]> {
  const { stdout } = await narun(["ls", "--nats", nats, "--json"]);
  return JSON.parse(stdout).map(({ name }: { name: string }) => name);
}

test("up, push and build name both, and go on with the others", async () => {
  await using folder = await createFolders();
  await using up = startNarun(["up", "functions", "functions/other", "--json", ...FREE_PORTS], {
    cwd: folder.dir,
    limitMs: 60_000,
  });
  const [line] = await up.shows(/^\{"http".*\}$/m);
  expect(JSON.parse(line).failed).toEqual(
    ["functions/one", "functions/two"].map((name) => ({
      function: name,
      code: "NAME_TWICE",
      message: expect.stringContaining(BOTH),
      solve: expect.stringContaining("name:"),
    })),
  );
  const nats = await natsOf(up);
  expect(await namesOf(nats)).toEqual(["other"]);

  const pushed = await narun(["push", "functions", "--nats", nats], { cwd: folder.dir });
  expect(pushed).toMatchObject({ code: 1, stdout: expect.stringMatching(/^other .*\n$/) });
  expect(pushed.stderr).toContain(BOTH);
  expect(await namesOf(nats)).toEqual(["other"]);

  const built = await narun(["build", "functions"], { cwd: folder.dir });
  expect(built).toMatchObject({ code: 1, stderr: expect.stringContaining(BOTH) });
  expect(built.stdout).not.toContain("same");
});

test("dev pushes neither until one of them has another name", async () => {
  await using folder = await createFolders();
  await using dev = startNarun(["dev", "functions", "--json", ...FREE_PORTS], {
    cwd: folder.dir,
    limitMs: 60_000,
  });
  const nats = await natsOf(dev);
  await dev.shows(/one","error":\{"code":"NAME_TWICE"/);
  await dev.shows(/two","error":\{"code":"NAME_TWICE"/);
  await dev.shows(/"name":"other"/);
  expect(await namesOf(nats)).toEqual(["other"]);
  await folder.write("functions/two/narun.yaml", "name: two\n");
  await eventually(async () => expect(await namesOf(nats)).toEqual(["other", "same", "two"]));
});
