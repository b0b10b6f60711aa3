import { existsSync, readdirSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { nearest } from "../contracts/index.ts";
import type { BundleMessage } from "./bundle-message.ts";
import { displayPath } from "./function-folder.ts";

/** One thing that is wrong, or doubtful, at one place of the source. */
export interface BuildIssue {
  /** As people read it: relative to the working folder, if it lies below. */
  file: string;
  /** 1-based. */
  line: number;
  /** 1-based, in characters. */
  column: number;
  message: string;
  /** The line with a caret under the place; empty where the issue has no place, which line and column 1 stand for. */
  frame: string;
  /** The module that is imported at the place, where one is. */
  module?: string;
  /** How to fix it, where that can be told. */
  hint?: string;
}

/** Turns what the bundler says into an issue. `dir` is the function's folder, to which its paths are relative. */
export function createIssue(message: BundleMessage, dir: string): BuildIssue {
  const { location } = message;
  const text = TEXTS[message.id] ?? message.text;
  const hint = hintFor(message, dir);
  const fix = hint === undefined ? {} : { hint };
  if (location === null) {
    return { file: displayPath(dir), line: 1, column: 1, message: text, frame: "", ...fix };
  }
  // The bundler counts bytes, people count characters.
  const column = charactersOf(location.lineText, location.column);
  const width = charactersOf(location.lineText, location.column + location.length) - column;
  const module = importedAt(message);
  return {
    file: displayPath(resolve(dir, location.file)),
    line: location.line,
    column: column + 1,
    message: text,
    frame: createFrame(location.lineText, location.line, column, width),
    ...(module === undefined ? {} : { module }),
    ...fix,
  };
}

/** An issue as text: where and what, the code frame, the hint. */
export function formatIssue({ file, line, column, message, frame, hint }: BuildIssue): string {
  const place = frame === "" ? file : `${file}:${line}:${column}`;
  return [`${place}: ${message}`, frame, hint].filter(Boolean).join("\n");
}

/** The same in one line, without the frame. */
export function summarizeIssue({ file, line, column, message, frame, hint }: BuildIssue): string {
  const place = frame === "" ? file : `${file}:${line}:${column}`;
  return `${place}: ${message}${hint === undefined ? "" : ` (${hint.replaceAll("\n", "; ")})`}`;
}

/** What is imported at the place of a message, if that is the name of a module. */
export function importedAt({ location }: BundleMessage): string | undefined {
  if (location === null) return undefined;
  const bytes = Buffer.from(location.lineText);
  const text = bytes.subarray(location.column, location.column + location.length).toString();
  return /^(["'`])(.+)\1$/.exec(text)?.[2];
}

/** The most characters of a line that a frame shows, as a line of a minified package may be a megabyte long. */
const FRAME_WIDTH = 100;

function createFrame(lineText: string, line: number, column: number, width: number): string {
  const from = Math.max(0, column - FRAME_WIDTH / 2);
  const shown = lineText.slice(from, from + FRAME_WIDTH).replaceAll("\t", " ");
  const caret = column - from;
  const gutter = `  ${line} | `;
  const marks = "^".repeat(Math.max(1, Math.min(width, shown.length - caret)));
  return `${gutter}${shown.trimEnd()}\n${" ".repeat(gutter.length - 2)}| ${" ".repeat(caret)}${marks}`;
}

function charactersOf(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length;
}

/** What some messages mean for a function. */
const TEXTS: Record<string, string> = {
  "unsupported-dynamic-import": "import() of a computed name fails at run time: the bundle is one module",
  "unsupported-require-call": "require() of a computed name fails at run time: the bundle is one module",
};
const COMPUTED_NAME_HINT =
  'write each name out, as in { a: () => import("./a.ts") }, or use a template that begins with a folder of yours: import(`./lang/…`)';
const NO_LOADER_HINT =
  'add `with { type: "text" }` to the import for a string, `with { type: "bytes" }` for a Uint8Array';
/** `cloudflare:workers`, `bun:sqlite`, `jsr:@std/path`, `https://esm.sh/x`. */
const HAS_SCHEME = /^[a-z][a-z0-9+.-]*:/i;
const SCHEME_HINT =
  "a function is made of its own files and of packages of npm: modules of other platforms, and of URLs, are not there";

const ALIAS_HINT =
  "it is neither a file (`./…`) nor a package; shorter names for folders come from `paths` in a tsconfig.json beside the source";

const PACKAGE_NAME = /^(@[a-z0-9-~][\w.~-]*\/)?[a-z0-9-~][\w.~-]*/;

function hintFor(message: BundleMessage, dir: string): string | undefined {
  if (message.id in TEXTS) return COMPUTED_NAME_HINT;
  if (message.text.startsWith("No loader is configured")) return NO_LOADER_HINT;
  const imported = importedAt(message);
  if (imported !== undefined && isBuiltin(imported)) {
    return "an isolate has no modules of Node: use a Web-standard package; `mode: node` needs a node that runs it, see `narun nodes`";
  }
  if (imported !== undefined && HAS_SCHEME.test(imported)) return SCHEME_HINT;
  const importer = resolve(dir, message.location?.file ?? "");
  const isUnresolved = message.text.startsWith("Could not resolve");
  if (imported !== undefined && isUnresolved && /^\.{0,2}\//.test(imported)) {
    return missingFileHint(resolve(dirname(importer), imported));
  }
  const packageName = imported === undefined ? undefined : PACKAGE_NAME.exec(imported)?.[0];
  if (isUnresolved && packageName !== undefined && !isInstalled(packageName, dirname(importer))) {
    return `npm install ${packageName}`;
  }
  // A bundle has nothing outside it: to leave an import to the run time, as esbuild offers, helps nobody.
  const notes = message.notes
    .map(({ text }) => text)
    .filter((text) => text !== "" && !text.startsWith("You can mark the path"));
  if (notes.length > 0) return notes.join("\n");
  return isUnresolved ? ALIAS_HINT : undefined;
}

/** What is there in place of a file of the function's own. */
function missingFileHint(path: string): string {
  const folder = dirname(path);
  const entries = existsSync(folder) ? readdirSync(folder) : undefined;
  if (entries === undefined) return `there is no folder ${displayPath(folder)}`;
  const meant = nearest(basename(path), entries);
  const hint = meant === undefined ? "" : `; did you mean ${JSON.stringify(meant)}?`;
  return `there is no file ${displayPath(path)}${hint}`;
}

function isInstalled(packageName: string, from: string): boolean {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "node_modules", packageName))) return true;
    if (folder === dirname(folder)) return false;
  }
}
