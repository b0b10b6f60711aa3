/** The house rules that no compiler checks: allowed imports, one file for each vendor, no cycles, no large files. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The parts that benchmarks and tests may import. */
const ALL_PARTS = [
  ...[
    "contracts",
    "machine",
    "web",
    "nats",
    "keys",
    "nats-server",
    "local",
    "streams",
    "traces",
    "functions/sdk",
  ],
  ...["protocol", "ticks", "builder", "control", "dispatch", "gateway", "triggers", "workflows"],
  ...["runtime", "runtara", "cli", "test"],
];

/** Part → the parts that it may import, by their index.ts. The table of docs/architecture.md. */
const PARTS: Record<string, readonly string[]> = {
  contracts: [],
  protocol: ["contracts", "machine"],
  machine: ["contracts"],
  "web/wpt": ["contracts", "nats", "streams", "web", "runtime"],
  web: [],
  nats: ["contracts", "machine"],
  keys: ["contracts", "machine", "nats"],
  "nats-server": ["contracts", "machine", "nats"],
  local: ["contracts", "machine"],
  traces: ["contracts"],
  streams: ["contracts", "nats", "local"],
  "functions/sdk": ["contracts"],
  "functions/examples": ["functions/sdk"],
  "functions/consumers": ["functions/sdk"],
  ticks: ["contracts"],
  builder: ["contracts", "machine", "ticks"],
  control: ["contracts", "nats", "builder"],
  dispatch: ["contracts", "nats", "local", "streams"],
  gateway: ["contracts", "machine", "nats", "local", "streams", "traces", "dispatch"],
  triggers: ["contracts", "machine", "nats", "streams", "traces", "dispatch", "ticks"],
  workflows: ["contracts", "nats", "traces", "triggers"],
  runtime: [
    ...["contracts", "machine", "nats", "keys", "local", "streams", "traces", "dispatch", "web"],
    "functions/sdk",
  ],
  runtara: ["contracts", "machine", "nats", "protocol"],
  cli: [
    ...["contracts", "machine", "nats", "keys", "nats-server", "streams", "traces"],
    ...[
      "protocol",
      "ticks",
      "builder",
      "control",
      "dispatch",
      "gateway",
      "triggers",
      "workflows",
      "runtime",
      "runtara",
    ],
  ],
  docs: ["contracts"],
  bench: ALL_PARTS,
  test: [...ALL_PARTS, "docs", "bench"],
};

/** Vendor → the only places that import it: a file, or a folder with a slash at its end. */
const VENDORS: Record<string, readonly string[]> = {
  "@nats-io/": ["nats/", "bench/peers/"],
  yaml: ["contracts/yaml.ts", "contracts/yaml-document.ts"],
  esbuild: [
    "machine/compiler.ts",
    "machine/own-modules.ts",
    "cli/built/build-files.ts",
    "builder/bundler.ts",
    "builder/bundle-options.ts",
    "builder/bundle-message.ts",
    "builder/proto/proto-modules.ts",
    "builder/wasm-modules.ts",
    "runtime/isolate/image/host-program.ts",
    "runtime/isolate/image/lazy-modules.ts",
    "runtime/isolate/image/lazy-builtins.ts",
    "runtime/isolate/image/program-bundle.ts",
    "runtime/isolate/image/snapshot.ts",
    "runtime/process/node/node-programs.ts",
  ],
  "isolated-vm": [
    "runtime/isolate/engine.ts",
    "runtime/isolate/isolate-maker.ts",
    "runtime/isolate/inspector/inspector-channel.ts",
  ],
  "whatwg-url": ["web/url/url.ts", "web/url/url-parser.ts", "web/url/plain-url.ts"],
  "webidl-conversions": ["web/webidl/webidl.ts"],
  "whatwg-mimetype": ["web/file/mime-type.ts"],
  "@exodus/bytes": ["web/encoding/encoding.ts", "web/encoding/encoding-decoders.ts", "web/encoding/utf8.ts"],
  "web-streams-polyfill": ["web/streams/streams.ts"],
  "node-inspect-extracted": ["web/console/format.ts", "runtime/isolate/image/inspect-library.ts"],
  undici: ["runtime/isolate/operations/fetch/http-client.ts"],
  hono: ["gateway/metrics-pages.ts", "functions/examples/", "functions/consumers/", "bench/apps/"],
  "@hono/node-server": ["gateway/metrics-pages.ts"],
  ws: ["gateway/websocket/websocket.ts", "runtime/isolate/inspector/inspector-server.ts"],
  "prom-client": ["gateway/metrics.ts", "gateway/counted.ts", "runtime/serve/metrics.ts"],
  "@bufbuild/protobuf": [
    "builder/proto/",
    "functions/sdk/grpc/",
    "gateway/grpc/",
    "traces/encode.ts",
    "protocol/",
  ],
  commander: ["cli/"],
  croner: ["ticks/cron.ts"],
  jose: ["keys/"],
  "@peculiar/x509": ["machine/certificates.ts"],
  picocolors: ["cli/output/output.ts"],
};

/**
 * The files that read variables of the environment; the command line hands all others their values. Beside it, `serve` in a
 * program of the user's has a default address, a script for a confined process looks for variables, and the conformance runner has a variable of its own. A child process that
 * inherits the environment (`...process.env`) reads none.
 */
const ENVIRONMENT_READERS = [
  "cli/main.ts",
  "runtime/isolate/probe-confinement.ts",
  "runtime/serve/serve.ts",
  "web/wpt/isolate-worker.ts",
];
const READS_ENVIRONMENT = /(?<!\.\.\.|")\bprocess\.env\b/;

const MAX_LINES = 400;

/** Lifts the bound of biome.json on a function's length (60 lines). No function of the sources has it. */
const LONG_FUNCTION = "biome-ignore lint/complexity/noExcessiveLinesPerFunction";

/** Imports and re-exports at the start of a line, and dynamic imports. The formatter guarantees this form. */
const STATEMENT =
  /^(?:import|export)\s+(?<erased>type\s+)?(?:[\w*{][^;"']*?\sfrom\s+)?"(?<name>[^"]+)"|\bimport\("(?<later>[^"]+)"\)/gm;

interface Import {
  from: string;
  /** A file relative to the root, or the name of a package or of a module of Node. */
  target: string;
  isFile: boolean;
  /** `import type`: nothing of it remains at run time. */
  isErased: boolean;
}

const files = listFiles(".");
const sources = files.filter((file) => !isTestCode(file));
const imports = files.flatMap(importsOf);
const ownImports = imports.filter(({ from }) => !isTestCode(from));

describe("architecture", () => {
  it("has a row in the table for every source file", () => {
    expect(sources.filter((file) => partOf(file) === undefined)).toEqual([]);
  });

  it("lets parts import only the parts below them, by their index.ts", () => {
    const wrong = ownImports.filter(({ from, target, isFile }) => {
      const [own, other] = [partOf(from), isFile ? partOf(target) : undefined];
      if (own === undefined || other === undefined || own === other) return false;
      // The thread of a function in Node has the platform's boundary and bindings, on Node's own classes.
      const isThread = from.startsWith("runtime/process/node/thread/") && target === "web/thread.ts";
      const isOpen = isThread || (own === "bench" && other === "test");
      return !PARTS[own]?.includes(other) || !(isOpen || target === `${other}/index.ts`);
    });
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it("keeps test code out of what runs", () => {
    const wrong = ownImports.filter(
      ({ from, target, isFile }) => partOf(from) !== "bench" && isFile && isTestCode(target),
    );
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it("keeps contracts free of I/O: it imports zod and yaml only", () => {
    const packages = ownImports.filter(({ from, isFile }) => partOf(from) === "contracts" && !isFile);
    expect([...new Set(packages.map(({ target }) => target))].sort()).toEqual(["yaml", "zod"]);
  });

  it("keeps the isolate's platform free of Node and of the rest of the runtime", () => {
    const wrong = ownImports.filter(
      ({ from, target, isFile }) =>
        partOf(from) === "web" && (isFile ? partOf(target) !== "web" : target.startsWith("node:")),
    );
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it("keeps the life of an instance free of the mode that runs its code", () => {
    const wrong = ownImports.filter(
      ({ from, target }) =>
        from.startsWith("runtime/instance/") && /^(?:web|runtime\/(?:isolate|node))\//.test(target),
    );
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it("wraps every vendor in one place", () => {
    const wrong = ownImports.filter(({ from, target, isFile }) => {
      const places = isFile ? undefined : placesOf(target);
      return (
        places !== undefined &&
        !places.some((place) => (place.endsWith("/") ? from.startsWith(place) : from === place))
      );
    });
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it("reads the environment in one place", () => {
    const readers = sources.filter(
      (file) => !file.startsWith("bench/") && READS_ENVIRONMENT.test(read(file)),
    );
    expect(readers).toEqual(ENVIRONMENT_READERS);
  });

  it("has no import cycles", () => {
    expect(findCycles(imports.filter(({ isFile }) => isFile))).toEqual([]);
  });

  it("keeps files small", () => {
    // Generated files have the size that they have.
    const tooLong = files
      .filter((file) => !file.endsWith("_pb.ts"))
      .map((file) => ({ file, lines: read(file).split("\n").length - 1 }));
    expect(tooLong.filter(({ lines }) => lines > MAX_LINES)).toEqual([]);
  });

  it("keeps functions short, without exceptions", () => {
    expect(sources.filter((file) => read(file).includes(LONG_FUNCTION))).toEqual([]);
  });
});

function listFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = normalize(join(folder, entry.name)).replaceAll(sep, "/");
    if (entry.isDirectory()) return /^(node_modules|dist|\..*)$/.test(entry.name) ? [] : listFiles(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

function isTestCode(file: string): boolean {
  return /\.test\.ts$|(^|\/)testing\/|^test\/|^vitest\.config\.ts$/.test(file);
}

function partOf(file: string): string | undefined {
  return Object.keys(PARTS).find((part) => file.startsWith(`${part}/`));
}

function importsOf(from: string): Import[] {
  return [...read(from).matchAll(STATEMENT)].map(({ groups }) => {
    const name = groups?.name ?? groups?.later ?? "";
    const isFile = name.startsWith(".");
    const target = isFile ? relative(root, join(root, dirname(from), name)).replaceAll(sep, "/") : name;
    return { from, target, isFile, isErased: groups?.erased !== undefined };
  });
}

function placesOf(name: string): readonly string[] | undefined {
  const vendor = Object.keys(VENDORS).find(
    (known) => name === known || name.startsWith(known.endsWith("/") ? known : `${known}/`),
  );
  return vendor === undefined ? undefined : VENDORS[vendor];
}

function describeImport({ from, target }: Import): string {
  return `${from} imports ${target}`;
}

function findCycles(edges: readonly Import[]): string[] {
  const next = Map.groupBy(edges, ({ from }) => from);
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    const at = path.indexOf(file);
    if (at !== -1) cycles.push([...path.slice(at), file].join(" → "));
    if (at !== -1 || done.has(file)) return;
    for (const { target } of next.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  return cycles;
}
