/**
 * Modules that await at their top level and are evaluated later than at the start. The bundler wraps them in functions,
 * `var init_a = __esm({ async "a.js"() { … } })`. esbuild 0.28 does not wait for these functions in two places, without a
 * warning, and the exports of such a module are undefined there.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Edit } from "./bundle-edits.ts";
import { type BundleFacts, type BundleMessage, type BundlePlace, createMessage } from "./bundle-message.ts";

const WRAPPER = /(?<![\w$])(init_[\w$]+)\s*=\s*__esm\(\{\s*async\s*"((?:[^"\\]|\\.)*)"\(/g;
const CALL = /(?<=[;{}]\s*)(init_[\w$]+)\(\)(?=\s*[;}])/g;

/** Finds the missing `await`s: esbuild prints `export * from "./a.js"` as `init_a();` and not as `await init_a();`. */
export function findMissingAwaits(code: string): Edit[] {
  const wrappers = new Set([...code.matchAll(WRAPPER)].map(([, name]) => name));
  if (wrappers.size === 0) return [];
  return [...code.matchAll(CALL)].flatMap(({ index, 1: name }) =>
    wrappers.has(name) ? [{ at: index, removed: 0, inserted: "await " }] : [],
  );
}

/** An error for each `require()` of such a module, as in Node: `require()` cannot wait. */
export function findAsyncRequires(
  { inputs, outputs }: BundleFacts,
  { dir, bundleFile, code }: { dir: string; bundleFile: string; code: string },
): BundleMessage[] {
  const awaiting = new Set(
    [...code.matchAll(WRAPPER)].map(([, , path = ""]) => path.replace(/\\(.)/g, "$1")),
  );
  if (awaiting.size === 0) return [];
  /** The module with the `await`: it imports no such module. */
  const causeOf = (path: string, seen = new Set<string>()): string => {
    seen.add(path);
    const next = inputs[path]?.imports.find(
      (one) => one.kind === "import-statement" && awaiting.has(one.path) && !seen.has(one.path),
    );
    return next === undefined ? path : causeOf(next.path, seen);
  };
  return Object.entries(outputs[bundleFile]?.inputs ?? {}).flatMap(([file, { bytesInOutput }]) => {
    if (bytesInOutput === 0) return [];
    return (inputs[file]?.imports ?? []).flatMap(({ kind, path, original = path }) => {
      if (kind !== "require-call" || !awaiting.has(path)) return [];
      return [createError({ dir, file, original, path, cause: causeOf(path) })];
    });
  });
}

interface AsyncRequire {
  dir: string;
  file: string;
  original: string;
  path: string;
  cause: string;
}

function createError({ dir, file, original, path, cause }: AsyncRequire): BundleMessage {
  const where =
    path === cause ? "awaits at its top level" : `imports ${cause}, which awaits at its top level`;
  return createMessage("require-async", {
    text: `${file} requires ${path}, which ${where}: require() cannot wait for it`,
    hint: `write \`import\` in ${file} (\`await import(${JSON.stringify(original)})\` where it is CommonJS), or do in ${cause} without \`await\` at the top level`,
    location: findRequire(dir, file, original),
  });
}

/** The place of a `require()`. The bundler reports the two modules only. */
function findRequire(dir: string, file: string, original: string): BundlePlace | null {
  const text = readFileSync(resolve(dir, file), "utf8");
  const match = new RegExp(`\\brequire\\s*\\(\\s*(["'\`])${RegExp.escape(original)}\\1`).exec(text);
  if (match === null) return null;
  const at = match.index + match[0].length - original.length - 2;
  const before = text.slice(0, at).split("\n");
  const column = Buffer.byteLength(before.at(-1) ?? "");
  const lineText = text.split("\n")[before.length - 1] ?? "";
  const length = Buffer.byteLength(original) + 2;
  return { file, namespace: "file", line: before.length, column, length, lineText, suggestion: "" };
}
