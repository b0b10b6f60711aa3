/** Every command that builds reports the warnings, and the failures of several functions. */
import { expect, test } from "vitest";
import { FREE_PORTS, narun, startNarun } from "../testing/narun.ts";
import { createWorkFolder } from "../testing/work-folder.ts";

const SOURCE = "export default { fetch: () => new Response('one'), scheduled() {} };\n";
const WARNING = 'nothing calls the handler "scheduled" of the function hello';
const TEXT = new RegExp(`^ {2}hello/index\\.ts:1: ${WARNING}\\n {2}narun\\.yaml has no \`schedule\``, "m");
const JSON_WARNING = expect.objectContaining({ file: "hello/index.ts", line: 1, message: WARNING });

const createFolder = () => createWorkFolder({ "hello/index.ts": SOURCE });

test("build, up and push; of several functions each that fails has its name and its fix", async () => {
  await using folder = await createFolder();
  const { dir: cwd } = folder;
  await using up = startNarun(["up", "hello", "--json", ...FREE_PORTS], { cwd, limitMs: 60_000 });
  const [line] = await up.shows(/^\{"http".*\}$/m);
  const { nats, warnings } = JSON.parse(line);
  expect(warnings).toEqual([expect.objectContaining({ function: "hello", message: WARNING })]);

  const built = await narun(["build", "hello"], { cwd });
  expect(built).toMatchObject({ code: 0, stderr: expect.stringMatching(TEXT) });
  expect(JSON.parse((await narun(["build", "hello", "--json"], { cwd })).stdout).warnings).toEqual([
    JSON_WARNING,
  ]);

  const pushed = await narun(["push", "hello", "--nats", nats], { cwd });
  expect(pushed).toMatchObject({ code: 0, stderr: expect.stringMatching(TEXT) });
  const json = await narun(["push", "hello", "--nats", nats, "--json"], { cwd });
  expect(JSON.parse(json.stdout)).toMatchObject({ unchanged: true, warnings: [JSON_WARNING] });

  await folder.write("broken/index.ts", "export default () => new Response(;\n");
  await folder.write("pay/index.ts", "export default () => new Response();\n");
  await folder.write("pay/narun.yaml", "bindings: [{ name: KEY, secret: api-key }]\n");
  const { code, stdout, stderr } = await narun(["push", "--nats", nats], { cwd });
  expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(/^hello .*\n$/) });
  expect(stderr).toMatch(/^failed {2}broken: The function does not build[\s\S]*\nCorrect the named place/m);
  expect(stderr).toMatch(/^failed {2}pay: The new revision does not start.*api-key.*narun secret set/m);
});

test("up and dev in text; a save repeats nothing", async () => {
  await using folder = await createFolder();
  const options = { cwd: folder.dir, limitMs: 60_000 };
  await using up = startNarun(["up", "hello", ...FREE_PORTS], options);
  await up.shows(TEXT);
  up.kill("SIGINT");
  await up.ended;
  await using dev = startNarun(["dev", "hello", ...FREE_PORTS], options);
  await dev.shows(TEXT);
  await folder.write("hello/index.ts", SOURCE.replace("one", "two"));
  await dev.shows(/^live {2}hello .*\n[\s\S]*^live {2}hello /m);
  await folder.write("hello/index.ts", SOURCE.replace("scheduled", "email"));
  await dev.shows(/handler "email"/);
  expect(dev.stderr.match(/handler "scheduled"/g)).toHaveLength(1);
});
