/**
 * `.proto` files as modules of a bundle:
 *
 * - `a.proto` has all exports of the file;
 * - `a.proto?types` has its messages, enums and extensions;
 * - `a.proto?service=Name` is one service.
 *
 * The files that narun itself has (`google/rpc/status.proto`) are modules of the same forms in a namespace of their own.
 */
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type * as esbuild from "esbuild";
import type { CompiledProto } from "./compile.ts";
import { GOOGLE_PROTOS } from "./google-protos.ts";
import { ProtoError } from "./proto-error.ts";
import { issueOf } from "./proto-message.ts";
import { GOOGLE_NAMESPACE, RUNTIME_MODULE, WELL_KNOWN_MODULE } from "./proto-paths.ts";

/** The library for authors in narun's own package: its source in the repository, its compiled form when installed. */
export const SDK_FOLDER = resolve(fileURLToPath(new URL("../../functions/sdk", import.meta.url)));
const ENDING = import.meta.url.endsWith(".ts") ? "ts" : "js";
export const SDK_MODULES: Record<string, string> = {
  narun: join(SDK_FOLDER, `index.${ENDING}`),
  "narun/protobuf": join(SDK_FOLDER, "grpc", `protobuf.${ENDING}`),
  [WELL_KNOWN_MODULE]: join(SDK_FOLDER, "grpc", `well-known.${ENDING}`),
  [RUNTIME_MODULE]: join(SDK_FOLDER, "grpc", `service-runtime.${ENDING}`),
};

/**
 * The modules of the library for authors that a function of gRPC evaluates at its start. They get the parts of Protobuf's library
 * that they use: its index is evaluated as a whole, with the parts of JSON that cost 10 ms, at the first call in JSON.
 */
const EARLY_MODULES = new Set(
  ["message-codec", "embedded-file"].map((name) => join(SDK_FOLDER, "grpc", `${name}.${ENDING}`)),
);
/** A module of the library, as its index names it. */
const PART = /^\.\/(?:grpc|seal|service|workflow)\/[\w-]+\.[jt]s$/;
const CORE = "narun-protobuf";
const core = [
  'export { create } from "./create.js";',
  'export { fromBinary } from "./from-binary.js";',
  'export { isMessage } from "./is-message.js";',
  'export { createFileRegistry } from "./registry.js";',
  'export { toBinary } from "./to-binary.js";',
].join("\n");

/** Resolves `narun`, whether the function's project has it installed or not, so that it fits the builder. */
export const sdkModules: esbuild.Plugin = {
  name: "sdk-modules",
  setup(build) {
    build.onResolve({ filter: /^narun(?:\/protobuf|:grpc|:well-known)?$/ }, ({ path }) => {
      const file = SDK_MODULES[path];
      // A module that re-exports a library is kept: without it esbuild does not evaluate the library's late parts.
      const isPassed = path === "narun/protobuf" || path === WELL_KNOWN_MODULE;
      return file === undefined ? undefined : { path: file, sideEffects: isPassed };
    });
    // The index evaluates none of its modules: a function that imports a part is not given the others.
    build.onResolve({ filter: PART }, ({ path, importer }) =>
      importer === SDK_MODULES.narun ? { path: join(SDK_FOLDER, path), sideEffects: false } : undefined,
    );
    build.onResolve({ filter: /^@bufbuild\/protobuf$/ }, ({ importer }) =>
      EARLY_MODULES.has(importer) ? { path: "protobuf", namespace: CORE, sideEffects: false } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: CORE }, () => ({ contents: core, resolveDir: protobufFolder() }));
  },
};

export const protoModules: esbuild.Plugin = {
  name: "proto-modules",
  setup(build) {
    const root = build.initialOptions.absWorkingDir ?? process.cwd();
    let compiled = new Map<string, Promise<CompiledProto>>();
    build.onStart(() => {
      compiled = new Map();
    });
    build.onResolve(
      { filter: /\.proto(?:\?types|\?service=\w+)?$/ },
      ({ path, importer, namespace, resolveDir }) => {
        const [, file = path, suffix = ""] = /^(.*\.proto)(\?.*)?$/s.exec(path) ?? [];
        if (Object.hasOwn(GOOGLE_PROTOS, file))
          return { path: file, namespace: GOOGLE_NAMESPACE, suffix, sideEffects: false };
        if (namespace === GOOGLE_NAMESPACE) return { path: importer, namespace, suffix, sideEffects: false };
        // esbuild itself tells of a missing file, and finds those in packages.
        if (!/^(?:\.{0,2}\/)/.test(file)) return undefined;
        return { path: resolve(resolveDir, file), suffix, sideEffects: false };
      },
    );
    build.onLoad({ filter: /\.proto$/, namespace: "file" }, ({ path, suffix }) => load(path, suffix, "file"));
    build.onLoad({ filter: /\.proto$/, namespace: GOOGLE_NAMESPACE }, ({ path, suffix }) =>
      load(path, suffix, GOOGLE_NAMESPACE),
    );

    const load = async (path: string, suffix: string, namespace: string): Promise<esbuild.OnLoadResult> => {
      // The compiler takes 15 ms to evaluate. Commands without a .proto file do not pay that.
      const { compileModule, sourceOf } = await import("./proto-source.ts");
      try {
        const compiling =
          compiled.get(path) ?? compileModule(path, { root, isOwn: namespace === GOOGLE_NAMESPACE });
        compiled.set(path, compiling);
        const proto = await compiling;
        const contents = sourceOf(proto, path, suffix);
        const resolveDir = namespace === "file" ? dirname(path) : root;
        return { contents, loader: "js", resolveDir, watchFiles: [...proto.paths] };
      } catch (error) {
        if (error instanceof ProtoError) return { errors: [issueOf(error, root)] };
        throw error;
      }
    };
  },
};

/** The folder of the library's modules. `require` finds its CommonJS form beside them. */
function protobufFolder(): string {
  return join(createRequire(import.meta.url).resolve("@bufbuild/protobuf"), "..", "..", "esm");
}
