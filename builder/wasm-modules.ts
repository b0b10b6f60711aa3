/**
 * A WebAssembly file as three modules, of which a bundle contains the used ones:
 *
 * - `a.wasm?module` has the WebAssembly.Module as default export, as on other worker platforms;
 * - `a.wasm?instance` is an instance, as in bundlers and Node: its exports and imports are the file's. The code of
 *   wasm-bindgen for bundlers needs it;
 * - `a.wasm` is both, for `import` statements. For `import()` and `require` it is the module alone: their use of it is
 *   unknown, and an instance would be made in vain.
 *
 * Each is evaluated with its importer: at the start for a static import, at the first use behind `import()`.
 */
import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type * as esbuild from "esbuild";
import { type BundleFacts, type BundleMessage, createMessage } from "./bundle-message.ts";

const MODULE = "?module";
const INSTANCE = "?instance";
const OWN = Symbol("resolved by this plugin");

export const wasmModules: esbuild.Plugin = {
  name: "wasm-modules",
  setup(build) {
    build.onResolve({ filter: /\.wasm(?:\?module|\?instance)?$/ }, async (args) => {
      const { path, importer, kind, namespace, resolveDir, pluginData } = args;
      if (pluginData === OWN || args.with.type === "bytes") return undefined;
      const [, file = path, ownSuffix] = /^(.*\.wasm)(\?.*)?$/s.exec(path) ?? [];
      const resolved = await build.resolve(file, { importer, kind, namespace, resolveDir, pluginData: OWN });
      if (resolved.errors.length > 0 || resolved.external) return resolved;
      const suffix = ownSuffix ?? (kind === "import-statement" ? "" : MODULE);
      // An unused instance is not made.
      return { path: resolved.path, suffix, sideEffects: suffix === MODULE };
    });
    build.onLoad({ filter: /\.wasm$/ }, async ({ path, suffix, with: attributes }) => {
      if (attributes.type === "bytes") return undefined;
      const contents = await sourceOf(build, path, suffix);
      return { contents, loader: "js", resolveDir: dirname(path), watchFiles: [path] };
    });
  },
};

/** The file behind a name in esbuild's results. */
export function wasmFileOf(path: string): string {
  return path.replace(/(?<=\.wasm)\?(?:module|instance)$/, "");
}

/** An error for each instance in a bundle with an import that does not resolve. */
export async function findUnmadeInstances(
  { inputs, outputs }: BundleFacts,
  { dir, bundleFile }: { dir: string; bundleFile: string },
): Promise<BundleMessage[]> {
  const used = Object.entries(outputs[bundleFile]?.inputs ?? {}).filter(
    ([path, { bytesInOutput }]) => path.endsWith(`.wasm${INSTANCE}`) && bytesInOutput > 0,
  );
  const messages = used.map(async ([path]) => {
    const file = wasmFileOf(path);
    const found = new Set(inputs[path]?.imports.map(({ original }) => original));
    const missing = (await readSurface(resolve(dir, file))).imports.filter((name) => !found.has(name));
    const importers = Object.keys(inputs).filter((from) =>
      inputs[from]?.imports.some((one) => one.path === file),
    );
    return missing.length === 0 ? [] : [createUnmadeError(file, importers, missing)];
  });
  return (await Promise.all(messages)).flat();
}

function createUnmadeError(file: string, importers: string[], missing: string[]): BundleMessage {
  const [first = "env"] = missing;
  return createMessage("wasm-imports", {
    text: `${file}, whose exports ${importers.join(" and ")} imports, needs ${missing.map(quote).join(", ")}: that is neither a file beside it nor a package`,
    hint: `build it for another target: \`wasm-bindgen --target bundler\` or \`--target web\`; or import the module alone and make the instance: import module from "./${basename(file)}"; new WebAssembly.Instance(module, { ${JSON.stringify(first)}: … })`,
  });
}

async function sourceOf(build: esbuild.PluginBuild, path: string, suffix: string): Promise<string> {
  const file = `./${basename(path)}`;
  if (suffix === MODULE) {
    return `import bytes from ${quote(file)} with { type: "bytes" };\nexport default new WebAssembly.Module(bytes);`;
  }
  const surface = await readSurface(path);
  if (suffix === INSTANCE) return instanceOf(build, path, surface);
  const instance = `export { ${surface.exports.map(quote).join(", ")} } from ${quote(file + INSTANCE)};`;
  return `export { default } from ${quote(file + MODULE)};\n${surface.exports.length === 0 ? "" : instance}`;
}

async function instanceOf(build: esbuild.PluginBuild, path: string, surface: Surface): Promise<string> {
  const resolved = await Promise.all(
    surface.imports.map(async (name) => {
      const options = { importer: path, resolveDir: dirname(path), kind: "import-statement" } as const;
      return (await build.resolve(name, options)).errors.length === 0 ? [name] : [];
    }),
  );
  // A missing import is an error only if the instance is used: findUnmadeInstances.
  const imports = resolved.flat();
  const { exports } = surface;
  return [
    `import module from ${quote(`./${basename(path)}${MODULE}`)};`,
    ...imports.map((name, index) => `import * as import${index} from ${quote(name)};`),
    `const { exports } = new WebAssembly.Instance(module, { ${imports.map((name, index) => `[${quote(name)}]: import${index}`).join(", ")} });`,
    ...exports.map((name, index) => `const export${index} = exports[${quote(name)}];`),
    `export { ${exports.map((name, index) => `export${index} as ${quote(name)}`).join(", ")} };`,
  ].join("\n");
}

/** The modules that a WebAssembly file imports from, and the names that it exports. */
interface Surface {
  imports: string[];
  exports: string[];
}

/** Node's global. Its types are only in the library of browsers. */
const { WebAssembly: wasm } = globalThis as unknown as {
  WebAssembly: {
    compile(bytes: Uint8Array): Promise<object>;
    Module: Record<"imports" | "exports", (module: object) => { name: string; module: string }[]>;
  };
};

/** An invalid file has neither. Its compilation fails later, with V8's message. */
async function readSurface(path: string): Promise<Surface> {
  const module = await wasm.compile(await readFile(path)).catch(() => undefined);
  if (module === undefined) return { imports: [], exports: [] };
  const exports = wasm.Module.exports(module).map(({ name }) => name);
  return {
    imports: [...new Set(wasm.Module.imports(module).map((one) => one.module))],
    // The module itself has this name.
    exports: exports.filter((name) => name !== "default"),
  };
}

function quote(text: string): string {
  return JSON.stringify(text);
}
