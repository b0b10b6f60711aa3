import { describe, expect, it } from "vitest";
import { binaryObjectName } from "./service-spec.ts";
import { formatSpec, parseServiceFile, parseSpec } from "./spec.ts";

/** All keys that some version of the original toolkit reads. */
const FULL = `
name: hello
command: ./hello
tag: 1.10
binary_object: hello-v1
args: ["--port", 8080, --verbose, true]
env:
  - name: GREETING
    value: 1.0
  - name: TOKEN
    valueFromSecret: api/token
mode: landlock
nodes:
  - name: n1
    replicas: 2
  - name: n2
landlock: { shared: true, dns: true, paths: [{ path: /data, modes: rwc }] }
mounts: [{ path: etc/app.conf, source: { objectStore: app.conf } }]
user: nobody
memoryMB: 64
memoryMaxMB: 128
cpuCores: 0.5
cgroupParent: narun.slice
networkNamespacePath: /var/run/netns/a
nonet: { localPorts: [{ port: 8080, protocol: TCP }] }
metrics: { port: 9000 }
cronSchedule: "*/2 * * * *"
`;

const issuesOf = (text: string) => {
  const parsed = parseServiceFile(text);
  return parsed.ok ? [] : parsed.issues.map(({ line, key, message }) => `${line} ${key}: ${message}`);
};

describe("the spec of a service", () => {
  it("has every key of the original toolkit, texts as they are written, and further keys", () => {
    const parsed = parseServiceFile(FULL);
    expect(parsed).toEqual({
      ok: true,
      value: {
        name: "hello",
        command: "./hello",
        tag: "1.10",
        binary_object: "hello-v1",
        args: ["--port", "8080", "--verbose", "true"],
        env: [
          { name: "GREETING", value: "1.0" },
          { name: "TOKEN", valueFromSecret: "api/token" },
        ],
        mode: "landlock",
        nodes: [
          { name: "n1", replicas: 2 },
          { name: "n2", replicas: 1 },
        ],
        landlock: { shared: true, dns: true, paths: [{ path: "/data", modes: "rwc" }] },
        mounts: [{ path: "etc/app.conf", source: { objectStore: "app.conf" } }],
        user: "nobody",
        memoryMB: 64,
        memoryMaxMB: 128,
        cpuCores: 0.5,
        cgroupParent: "narun.slice",
        networkNamespacePath: "/var/run/netns/a",
        nonet: { localPorts: [{ port: 8080, protocol: "tcp" }] },
        metrics: { port: 9000, path: "/metrics" },
        cronSchedule: "*/2 * * * *",
      },
    });
  });

  it("comes back from the store as it was written", () => {
    const parsed = parseServiceFile(FULL);
    if (!parsed.ok) throw new Error("the text is a spec");
    expect(parseSpec(formatSpec(parsed.value))).toEqual({
      ok: true,
      value: { kind: "service", spec: parsed.value },
    });
  });

  it("may have null for every key that is absent in Go", () => {
    expect(parseSpec("name: a\nargs:\nenv:\nnodes:\nmounts:\nlandlock:\nmetrics: {}\n")).toMatchObject({
      ok: true,
      value: { kind: "service", spec: { mode: "exec", args: [], env: [], nodes: [], mounts: [] } },
    });
  });

  it.each([
    ["nodes: [{ name: n1 }, { name: n1 }]", /^2 nodes\.1\.name: .*twice/],
    ["nodes: [{ name: n1, replicas: 0 }]", /^2 nodes\.0\.replicas: .*at least one replica/],
    ["nodes: [{ name: ' ' }]", /empty/],
    ["env: [{ name: A, value: x, valueFromSecret: y }]", /either value or valueFromSecret/],
    ["env: [{ name: 'A=B', value: x }]", /no =/],
    ["mounts: [{ path: ../up, source: { objectStore: f } }]", /stays in the instance's folder/],
    ["mounts: [{ path: a, source: {} }]", /objectStore/],
    ["memoryMB: 10\nmemoryMaxMB: 5", /^3 memoryMaxMB: .*under/],
    ["cpuCores: -1", /cpuCores/],
    ["nonet: { localPorts: [{ port: 80 }] }", /over 1024/],
    ["mode: landlock\nlandlock: { paths: [{ path: /a, modes: rz }] }", /letters out of/],
    ["mode: container", /mode/],
  ])("is refused everywhere with %j", (line, expected) => {
    expect(issuesOf(`name: a\n${line}\n`)).toEqual([expect.stringMatching(expected)]);
    expect(parseSpec(`name: a\n${line}\n`)).toMatchObject({ ok: false });
  });

  it.each([
    ["comand: ./a", '2 comand: unknown key "comand"; did you mean "command"?'],
    ["nodes: [{ nam: n1 }]", expect.stringMatching(/nodes\.0\.name/)],
    [
      "env: [{ name: A, valueFromSecrets: b }]",
      '2 env.0.valueFromSecrets: unknown key "valueFromSecrets"; did you mean "valueFromSecret"?',
    ],
    ["metrics: { prot: 1 }", '2 metrics.prot: unknown key "prot"; did you mean "port"?'],
    ["landlock: { dns: true }", expect.stringContaining("write `mode: landlock`")],
    // Its log cannot be sealed, and is not taken in clear instead.
    ["logs: { seal: payments }", expect.stringContaining('unknown key "logs"')],
    ["scale: { min: 1 }\nnodes: [{ name: n1 }]", expect.stringContaining("take one of them out")],
  ])("is refused as its author writes it with %j", (line, expected) => {
    expect(issuesOf(`name: a\n${line}\n`)).toEqual([expected]);
  });

  it("is read from the store with keys that another version writes", () => {
    expect(parseSpec("name: a\ncomand: ./a\n")).toMatchObject({ ok: true });
  });

  it("names binaries as the original toolkit's runner asks for them", () => {
    expect(binaryObjectName("hello", "v1.2", { os: "linux", arch: "amd64" })).toBe("hello-v1.2-linux-amd64");
  });
});
