import type { Plugin } from "esbuild";

/**
 * Node's modules that a host needs after its start, if at all. Without Node's own snapshot each of them is compiled when it is loaded,
 * with all that is behind it: the readers of zip files behind zlib, a terminal's line editor behind fs/promises.
 */
const LAZY = /^(?:node:)?(dns|fs\/promises|http2?|module|tls|zlib)$/;

/** The namespace of these modules in a bundle. */
export const LAZY_BUILTIN = "lazy-builtin";

/** Loads these modules when one of their exports is read. */
export const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: LAZY }, ({ path }) => ({
      path: path.replace("node:", ""),
      namespace: LAZY_BUILTIN,
    }));
    onLoad({ filter: /.*/, namespace: LAZY_BUILTIN }, ({ path }) => ({
      contents: lazyBuiltin(`node:${path}`),
      loader: "js",
    }));
  },
};

/**
 * A module that stands for one of Node's: it loads that when one of its exports is read for the first time. Node compiles its modules
 * when they are loaded, with all that is behind them.
 */
function lazyBuiltin(name: string): string {
  const keys = Object.keys(Object.getOwnPropertyDescriptors(process.getBuiltinModule(name)));
  return `for (const key of ${JSON.stringify(keys)}) Object.defineProperty(exports, key, {
    enumerable: true,
    configurable: true,
    get() {
      const value = process.getBuiltinModule(${JSON.stringify(name)})[key];
      Object.defineProperty(exports, key, { value, enumerable: true, writable: true });
      return value;
    } });`;
}
