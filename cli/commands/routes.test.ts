/** The commands' view of routes: shared routes, no route, prefixes. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { FREE_PORTS, type Narun, narun, startNarun } from "../testing/narun.ts";
import { answering, createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

let folder: WorkFolder;
let up: Narun;
let nats: string;
let http: string;

beforeAll(async () => {
  folder = await createWorkFolder({
    "first/index.ts": answering("first\n"),
    "first/narun.yaml": "routes: [{ path: /z }]\n",
    "second/index.ts": answering("second\n"),
    "second/narun.yaml": "routes: [{ path: /z }]\n",
    "private/index.ts": answering("private\n"),
    "private/narun.yaml": "routes: []\n",
    "below/index.ts": answering("below\n"),
    "below/narun.yaml": "routes: [{ path: /s/* }]\n",
  });
  up = startNarun(["up", ".", ...FREE_PORTS, "--data-dir", folder.path("data"), "--json"], {
    cwd: folder.dir,
    limitMs: 120_000,
  });
  const [line] = await up.shows(/^\{"http".*\}$/m);
  ({ nats, http } = z.object({ nats: z.string(), http: z.string() }).parse(JSON.parse(line)));
});
afterAll(async () => {
  up.kill("SIGTERM");
  await up.ended;
  await up[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const run = (...args: string[]) => narun([...args, "--nats", nats], { cwd: folder.dir });

test("a push says which function answers a route that two have, whichever of them is pushed", async () => {
  const warning = /first answers \/z, which is a route of second too: second is not called there/;
  for (const name of ["second", "first"]) expect((await run("push", name)).stderr).toMatch(warning);
  const pushed: unknown = JSON.parse((await run("push", "second", "--json")).stdout);
  expect(pushed).toMatchObject({ shadowedRoutes: [{ function: "second", path: "/z", by: "first" }] });
  expect((await run("push", "private")).stderr).toBe("");
  expect(await (await fetch(`${http}/z`)).text()).toBe("first\n");
});

test("ls marks the function that is not called", async () => {
  expect((await run("ls")).stdout).toMatch(/^first answers \/z, .*second is not called there/m);
  const rows = z
    .array(z.looseObject({ name: z.string() }))
    .parse(JSON.parse((await run("ls", "--json")).stdout));
  expect(rows.filter((row) => "shadowedRoutes" in row)).toEqual([
    expect.objectContaining({ name: "second", shadowedRoutes: [{ path: "/z", by: "first" }] }),
  ]);
});

test("a function without a route has no URL because of that, not because no gateway runs", async () => {
  expect((await run("push", "private")).stdout).toMatch(/ {2}no route\n$/);
});

test("the URL of a prefix is one that answers", async () => {
  const { url } = z
    .object({ url: z.string() })
    .parse(JSON.parse((await run("push", "below", "--json")).stdout));
  expect(url).toBe(`${http}/s/`);
  expect(await (await fetch(url)).text()).toBe("below\n");
});
