/** `.proto` files as modules of Vite and Vitest, so that tests import a function as its bundle has it (proto-modules.ts). */
import { dirname, resolve } from "node:path";
import type { CompiledProto } from "./compile.ts";
import { GOOGLE_PROTOS } from "./google-protos.ts";
import { SDK_MODULES } from "./proto-modules.ts";

/** As much of a plugin of Vite as this one has. */
export interface ProtoPlugin {
  name: string;
  enforce: "pre";
  configResolved(config: { root: string }): void;
  resolveId(source: string, importer?: string): string | undefined;
  load(id: string): Promise<string | undefined>;
}

/** Marks the ids of files that narun itself has. */
const OWN = "\0narun-proto:";
const FORM = /^(?<file>.*\.proto)(?<suffix>\?(?:types|service=\w+))?$/s;

/** For `plugins` of vitest.config.ts. Names of `.proto` files are relative to Vite's root. Error: ProtoError, from the import. */
export function protoFiles(): ProtoPlugin {
  let root = process.cwd();
  const compiled = new Map<string, Promise<CompiledProto>>();
  return {
    name: "narun-proto",
    enforce: "pre",
    configResolved(config) {
      root = config.root;
    },
    resolveId(source, importer = root) {
      if (source.startsWith("narun:")) return SDK_MODULES[source];
      const { file, suffix = "" } = FORM.exec(source)?.groups ?? {};
      if (file === undefined) return undefined;
      if (Object.hasOwn(GOOGLE_PROTOS, file)) return `${OWN}${file}${suffix}`;
      // A file of narun's imports its own parts only, by a relative name.
      if (importer.startsWith(OWN)) return `${fileOf(importer)}${suffix}`;
      return /^\.{0,2}\//.test(file) ? `${resolve(dirname(importer), file)}${suffix}` : undefined;
    },
    async load(id) {
      const { file, suffix = "" } = FORM.exec(id)?.groups ?? {};
      if (file === undefined) return undefined;
      const { compileModule, sourceOf } = await import("./proto-source.ts");
      const isOwn = file.startsWith(OWN);
      const path = isOwn ? file.slice(OWN.length) : file;
      const compiling = compiled.get(file) ?? compileModule(path, { root, isOwn });
      compiled.set(file, compiling);
      return sourceOf(await compiling, path, suffix);
    },
  };
}

function fileOf(id: string): string {
  return FORM.exec(id)?.groups?.file ?? id;
}
