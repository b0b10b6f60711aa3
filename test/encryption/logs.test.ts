/** Logs that are sealed, through a whole narun: in each mode, at failed starts, for readers with a key and without. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLogLine } from "../../cli/open-log-line.ts";
import { openerOf } from "../../cli/open-sealed.ts";
import { narun } from "../../cli/testing/narun.ts";
import type { LogLine } from "../../contracts/index.ts";
import {
  enrolKey,
  grantLabel,
  initKeys,
  type KeyPlace,
  newKey,
  revokeLabel,
  rotateLabel,
} from "../../keys/index.ts";
import { loadScheduleOrders } from "../../triggers/index.ts";
import { eventually } from "../harness/eventually.ts";
import { programSource } from "../harness/program.ts";
import { startWorld, type World } from "../harness/world.ts";

const LOGS = { logs: { seal: "payments" } };
const SAYS = `export default async (request) => {
  const { pathname } = new URL(request.url);
  console.log("Marked-line", { card: "Marked-4111" });
  if (pathname.endsWith("/throw")) throw new Error("Marked-fault");
  return new Response("ok");
};`;

let world: World;
let keysDir: string;
let place: KeyPlace;
/** All that NATS was sent of logs, status events and answers to trials. */
const heard: string[] = [];

beforeAll(async () => {
  keysDir = await mkdtemp(join(tmpdir(), "narun-keys-"));
  world = await startWorld({ nodeArguments: ["--keys", keysDir] });
  for (const subject of ["logs.>", "status.>", "_INBOX.>", "narun.>", "$KV.>"])
    world.connection.subscribe(subject, (message) => void heard.push(message.text()));
  await world.connection.flush();
  place = { nats: world.connection, folder: { path: keysDir } };
  await initKeys(place, { node: "node-0", validMs: undefined });
  for (const name of ["shop", "thread", "program", "broken", "late"])
    await grantLabel(place, { label: "payments", recipient: `service:${name}` });
  for (const name of ["ann", "bob"]) {
    const identity = `user:${name}`;
    const { fingerprint } = await newKey(place, { identity, network: undefined });
    await enrolKey(place, { identity, fingerprint });
  }
  await grantLabel(place, { label: "payments", recipient: "user:ann" });
}, 90_000);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(keysDir, { recursive: true });
});

const logs = (...args: string[]) => narun(["logs", ...args], { env: { NARUN_NATS_URL: world.nats.url } });
const asUser = (name: string) => ["--keys", keysDir, "--as", `user:${name}`];
/** The stored lines of a function, as soon as there are so many. */
const linesOf = (name: string, count: number) =>
  eventually(
    async () => {
      const lines = await world.logs(name);
      expect(lines.length).toBeGreaterThanOrEqual(count);
      return lines;
    },
    { timeoutMs: 30_000 },
  );
/** Resolves when the log of a function has this text, for a holder of the label. */
const shows = (name: string, text: string) =>
  eventually(
    async () => {
      using opener = openerOf(world.connection, { keysAs: "user:ann", keysDir, keysPassphrase: undefined });
      const lines = await world.logs(name);
      const shown = await Promise.all(lines.map((line) => openLogLine(line, opener.open)));
      expect(shown.map(({ line }) => line.message).join("\n")).toContain(text);
    },
    { timeoutMs: 30_000 },
  );
const expectSealed = (lines: readonly LogLine[]) => {
  for (const { message, sealed } of lines) {
    expect(message).toBe("(sealed for payments)");
    expect(sealed).toMatch(/^eyJ[\w-]+(\.[\w-]+){4}$/);
  }
};
const expectNoMark = () => expect(heard.filter((text) => text.includes("Marked-"))).toEqual([]);

describe("the log of a function with `logs: { seal }`", { timeout: 90_000 }, () => {
  it("is refused at the push without the label, and cannot become clear unseen", async () => {
    await expect(world.push("other", SAYS, LOGS)).rejects.toThrow(/LABEL_NOT_GRANTED|not granted/);
    await expect(world.push("other", SAYS, { logs: { seal: "unknown" } })).rejects.toThrow(
      /LABEL_UNKNOWN|no such label/,
    );
    await world.push("shop", SAYS, LOGS);
    await expect(world.push("shop", SAYS)).rejects.toMatchObject({
      code: "CLEAR_REFUSED",
      fields: { cleared: [{ place: "the log", label: "payments" }] },
    });
  });

  it("is sealed on the wire and in the history, with the stacks of errors, over a rotation", async () => {
    expect((await world.call("/shop")).status).toBe(200);
    expectSealed(await linesOf("shop", 1));
    await rotateLabel(place, "payments");
    expect((await world.call("/shop/throw")).status).toBe(500);
    const lines = await linesOf("shop", 3);
    expectSealed(lines);
    expect(lines.map(({ level }) => level)).toEqual(["info", "info", "error"]);
    expectNoMark();
  });

  it("is read by a holder of the label, and by others as sealed, with its facts", async () => {
    const [opened, found, closed, json, searched] = await Promise.all([
      logs("shop", ...asUser("ann")),
      logs("shop", ...asUser("ann"), "--grep", "Marked-f", "--json"),
      logs("shop"),
      logs("shop", ...asUser("bob"), "--json", "--level", "error"),
      logs("shop", "--grep", "sealed"),
    ]);
    expect(opened.stdout).toContain("Marked-line { card: 'Marked-4111' }");
    expect(opened.stdout).toMatch(/Error: Marked-fault\n\s+at .*index\.ts:4/);
    // One line alone.
    const line = JSON.parse(found.stdout);
    expect(line).toMatchObject({ level: "error", app_name: "shop", number: 3 });
    expect(line).not.toHaveProperty("sealed");
    expect(closed.stdout.match(/(?:info|error) .* \(sealed for payments\)$/gm)).toHaveLength(3);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ...{ message: "(sealed for payments: SEAL_KEY_UNKNOWN)", level: "error" },
      ...{ sealed: "payments", closed: "SEAL_KEY_UNKNOWN" },
    });
    const note = expect.stringContaining("3 sealed lines were not searched");
    expect([searched.stdout, searched.stderr]).toEqual(["", note]);
  });

  it("opens no line that was moved to another function", async () => {
    const [line] = await world.logs("shop");
    const moved = { ...line, app_name: "moved" };
    world.connection.publish("logs.moved.node-0", JSON.stringify(moved));
    await linesOf("moved", 1);
    await shows("moved", "(sealed for payments: SEAL_MOVED)");
  });

  it("is sealed in mode `node` as well, also where the function writes to stdout and stderr itself", async () => {
    const source = `
      export default async () => {
        console.error("Marked-console");
        process.stdout.write("Marked-stdout\\n");
        process.stderr.write("Marked-stderr\\n");
        return new Response("ok");
      };`;
    await world.push("thread", source, { ...LOGS, mode: "node" });
    expect((await world.call("/thread")).status).toBe(200);
    expectSealed(await linesOf("thread", 3));
    for (const text of ["console", "stdout", "stderr"]) await shows("thread", `Marked-${text}`);
    expectNoMark();
  });

  it("is sealed for programs as well", async () => {
    const text = programSource({
      // Its file itself passes NATS.
      act: `console.log("Marked" + "-stdout"); console.error("Marked" + "-stderr"); answer("ok");`,
    });
    const program = { ...LOGS, mode: "exec", command: "server.mjs" };
    await world.push("program", { "server.mjs": text }, program);
    expect((await world.call("/program")).status).toBe(200);
    expectSealed(await linesOf("program", 2));
    for (const text of ["stdout", "stderr"]) await shows("program", `Marked-${text}`);
    const failing = {
      "server.mjs": `#!${process.execPath}\nconsole.error("Marked" + "-end"); process.exit(3);\n`,
    };
    await expect(world.push("program", failing, program)).rejects.toMatchObject({
      message: expect.stringContaining("sealed for payments"),
    });
    await shows("program", "Marked-end");
    expectNoMark();
  });

  it("has the texts of failed starts and trials alone", async () => {
    await expect(
      world.push("broken", `throw new Error("Marked-trial"); export default () => 1;`, LOGS),
    ).rejects.toMatchObject({
      message: expect.stringContaining("its text is in the function's log, sealed for payments"),
    });
    await shows("broken", "Error: Marked-trial");
    // A service whose start alone fails.
    const late = `import { service } from "narun";
      export default service({ name: "late", version: "1.0.0" })
        .onStart(() => { throw new Error("Marked-start"); }).action("go", {}, () => 1);`;
    await world.push("late", late, { ...LOGS, scale: { min: 1 } });
    await shows("late", "Error: Marked-start");
    const said = "FUNCTION_START_FAILED: its text is in the function's log, sealed for payments";
    await eventually(() =>
      expect(heard.map((text) => text.includes('"status":"failed"') && text.includes(said))).toContain(true),
    );
    expectNoMark();
  });

  it("keeps the errors of schedules and queues out of their records", async () => {
    const source = `export default { async scheduled() { throw new Error("Marked-tick"); } };`;
    await grantLabel(place, { label: "payments", recipient: "service:ticks" });
    await world.push("ticks", source, { ...LOGS, schedule: [{ name: "nightly", cron: "0 0 1 1 *" }] });
    const { awaitRun, runSchedule } = await loadScheduleOrders();
    // A node hears of the push a moment later.
    const { key, id } = await eventually(() => runSchedule(world.connection, "ticks", "nightly"), {
      timeoutMs: 30_000,
    });
    const run = await awaitRun(world.connection, key, id, AbortSignal.timeout(30_000));
    const kept = "its text is in the function's log, which is sealed";
    expect(run?.error).toEqual({ message: kept, stack: kept });
    await shows("ticks", "Error: Marked-tick");
    const shown = ["schedule", "show", "ticks", "nightly", "--run", id, ...asUser("ann")];
    const { stdout } = await narun(shown, { env: { NARUN_NATS_URL: world.nats.url } });
    expect(stdout).toMatch(new RegExp(`${kept}\\n\\n.*Error: Marked-tick`));
    expectNoMark();
  });

  it("stops without the label: lines are dropped and counted, none is in clear", async () => {
    await revokeLabel(place, { label: "payments", recipient: "service:shop" });
    const told = await eventually(
      async () => {
        await world.call("/shop");
        const line = (await world.logs("shop")).find(({ message }) => message.startsWith("LOG_NOT_SEALED"));
        expect(line?.message).toMatch(/\d+ log lines? of \d+ bytes w\w+ dropped.* LABEL_NOT_GRANTED$/);
        return line;
      },
      { timeoutMs: 30_000 },
    );
    expect(told?.level).toBe("error");
    expectNoMark();
  });
});
