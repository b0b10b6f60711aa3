/** `narun invoke --grpc`, by the descriptors of a function that runs. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { greeter } from "../../test/grpc/greeter.ts";
import { rawSource } from "../../test/grpc/raw-functions.ts";
import { startWorld, type World } from "../../test/harness/world.ts";
import { type NarunOptions, narun } from "../testing/narun.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("greeter", greeter);
  await world.push("raw", rawSource, { grpc: ["pkg.Raw"] });
});
afterAll(() => world[Symbol.asyncDispose]());

const invoke = (method: string, args: string[] = [], options: NarunOptions = {}) =>
  narun(["invoke", "--grpc", method, ...args], {
    ...options,
    env: { NARUN_NATS_URL: world.nats.url },
  });

it("calls a method with a message in JSON, and shows the reply", async () => {
  const { code, stdout, stderr } = await invoke("hello.v1.Greeter/SayHello", ["--data", '{"name":"Ada"}']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ message: "Hello Ada", number: "9007199254740993" });
});

it("sends metadata, and shows all of an answer as JSON", async () => {
  const args = ["--data", '{"name":"Ada"}', "-H", "x-in: early", "--json"];
  expect(JSON.parse((await invoke("hello.v1.Greeter/SayHello", args)).stdout)).toMatchObject({
    code: "OK",
    messages: [{ message: "Hello Ada" }],
    metadata: expect.arrayContaining([["x-early", "early"]]),
    trailing: expect.arrayContaining([["x-late-bin", "AP8"]]),
  });
});

it("shows a stream line by line, and sends one, a message on each line", async () => {
  const listened = await invoke("hello.v1.Greeter/Listen", ["--data", '{"name":"a","count":3}']);
  expect(
    listened.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).message),
  ).toEqual(["a", "a", "a"]);
  const input = '{"name":"a"}\n\n{"name":"b"}\n';
  const collected = await invoke("hello.v1.Greeter/Collect", ["--data", "-"], { input });
  expect(JSON.parse(collected.stdout)).toMatchObject({ message: "a b" });
});

it("ends by the status of the call, with its details", async () => {
  const { code, stdout, stderr } = await invoke("hello.v1.Greeter/SayHello", ["--data", '{"name":"nobody"}']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  const [line, detail = ""] = stderr.split("\n");
  expect(line).toBe("narun: NOT_FOUND: nobody is here: ü");
  expect(JSON.parse(detail)).toEqual({
    "@type": "type.googleapis.com/hello.v1.HelloRequest",
    name: "detail",
  });
});

it.each([
  ["hello.v1.Greeter/SayHallo", [], 1, 'has no method SayHallo; did you mean "SayHello"?'],
  [
    "hello.v1.Greter/SayHello",
    [],
    1,
    'no function implements hello.v1.Greter; did you mean "hello.v1.Greeter"?',
  ],
  ["pkg.Raw/Echo", [], 1, "function raw implements pkg.Raw without a .proto file"],
  [
    "hello.v1.Greeter/SayHello",
    ["--data", '{"nme":1}'],
    2,
    "--data: message of /hello.v1.Greeter/SayHello: ",
  ],
  ["hello.v1.Greeter", [], 2, "--grpc takes a service and its method"],
  ["hello.v1.Greeter/SayHello", ["--path", "/x"], 2, "--grpc goes with neither --path"],
])("%s with %j is refused with the reason", async (method, args, code, reason) => {
  const ended = await invoke(method, args);
  expect(ended.stderr).toContain(reason);
  expect(ended.code).toBe(code);
});
