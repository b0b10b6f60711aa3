/** Host processes in bubblewrap, on machines where bubblewrap works. */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { probeConfinement } from "../runtime/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const { bubblewrap, allowed, failure } = await probeConfinement(process.env.PATH);

describe("a process that is confined as hosts are", () => {
  it("may do nothing of what Node's permission model keeps back", () => {
    expect({ allowed, failure }).toEqual({ allowed: [], failure: undefined });
  });
});

const why = bubblewrap.path === undefined ? ` (skipped: ${bubblewrap.reason})` : "";

describe.skipIf(bubblewrap.path === undefined)(`a host in bubblewrap${why}`, async () => {
  const world = bubblewrap.path === undefined ? undefined : await startBound("bubblewrap");
  afterAll(() => world?.[Symbol.asyncDispose]());
  const running = () => {
    if (world === undefined) throw new Error("it is skipped");
    return world;
  };

  it("has namespaces of its own, and no files but those it needs", async () => {
    const pid = await running().hostPid("hello");
    for (const kind of ["user", "pid", "ipc", "uts", "mnt"])
      expect(namespaceOf(pid, kind)).not.toBe(namespaceOf(process.pid, kind));
    // The host needs NATS, and `fetch` needs the rest of the network.
    expect(namespaceOf(pid, "net")).toBe(namespaceOf(process.pid, "net"));
    const folders = readdirSync(`/proc/${pid}/root`);
    for (const name of ["home", "var", "boot", "sbin"]) expect(folders).not.toContain(name);
    expect(readdirSync(`/proc/${pid}/root/etc`)).not.toContain("passwd");
    // The folder of its own socket, and no other host's.
    const temporary = `/proc/${pid}/root${realpathSync(tmpdir())}`;
    const runFolders = readdirSync(temporary).filter((name) => name.startsWith("narun-run-"));
    expect(runFolders.map((name) => readdirSync(join(temporary, name)))).toEqual([[expect.any(String)]]);
  });

  it("is one process, which a kill ends, and another takes over", async () => {
    const world = running();
    const pid = await world.hostPid("hello");
    process.kill(pid, "SIGKILL");
    expect(await world.announced("hello", "gone")).toMatchObject({ reason: "crashed", code: "HOST_CRASHED" });
    expect(await world.call("/hello")).toMatchObject({ status: 200, text: "hello" });
    expect(await world.hostPid("hello")).not.toBe(pid);
  });

  it.each([
    ["outer", -1],
    ["inner", 0],
  ] as const)("ends when the %s process of bubblewrap is killed, and another takes over", async (_, at) => {
    const world = running();
    const pid = await world.hostPid("hello");
    const gone = world.announcements("hello").filter(({ state }) => state === "gone").length;
    process.kill(ancestorsOf(pid).at(at) ?? 0, "SIGKILL");
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow("ESRCH"));
    expect(await world.announced("hello", "gone", gone + 1)).toMatchObject({ code: "HOST_CRASHED" });
    expect(await world.call("/hello")).toMatchObject({ status: 200, text: "hello" });
    expect(await world.hostPid("hello")).not.toBe(pid);
  });

  it("is not ended by a Ctrl-C in the terminal", async () => {
    const world = running();
    const pid = await world.hostPid("hello");
    for (const one of [pid, ...ancestorsOf(pid)]) process.kill(one, "SIGINT");
    expect(await world.call("/hello")).toMatchObject({ status: 200, text: "hello" });
    expect(await world.hostPid("hello")).toBe(pid);
  });

  it("ends when its runner is killed", async () => {
    const world = running();
    const pid = await world.hostPid("hello");
    await world.nodes[0]?.kill9();
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow(), { timeoutMs: 15_000 });
  });
});

describe("a host without bubblewrap", () => {
  it("shares the machine's namespaces", { skip: process.platform !== "linux" }, async () => {
    await using world = await startBound("none");
    expect(namespaceOf(await world.hostPid("hello"), "pid")).toBe(namespaceOf(process.pid, "pid"));
  });
});

async function startBound(sandbox: string) {
  const world = await startWorld({ nodeArguments: ["--sandbox", sandbox] });
  await world.push("hello", `export default () => new Response("hello");`);
  expect(await world.call("/hello")).toMatchObject({ status: 200, text: "hello" });
  return world;
}

function namespaceOf(pid: number, kind: string): string {
  return readlinkSync(`/proc/${pid}/ns/${kind}`);
}

/** The processes of bubblewrap around a host. */
function ancestorsOf(pid: number): number[] {
  const found: number[] = [];
  for (let at = parentOf(pid); nameOf(at) === "bwrap"; at = parentOf(at)) found.push(at);
  return found;
}

const statusOf = (pid: number) => readFileSync(`/proc/${pid}/status`, "utf8");
const parentOf = (pid: number) => Number(/^PPid:\s*(\d+)/m.exec(statusOf(pid))?.[1]);
const nameOf = (pid: number) => /^Name:\s*(\S+)/m.exec(statusOf(pid))?.[1];
