import { existsSync, readdirSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { nearest } from "../contracts/index.ts";
import type { BundleMessage } from "./bundle-message.ts";
import { displayPath } from "./function-folder.ts";

/** An error or a warning at one place of the source. */
export interface BuildIssue {
  /** Relative to the working folder if it lies below, else absolute. */
  file: string;
  /** 1-based. */
  line: number;
  /** 1-based, in characters. */
  column: number;
  message: string;
  /** The line with a caret under the place. Empty for an issue without a place, which has line and column 1. */
  frame: string;
  /** The module that is imported at the place, if any. */
  module?: string;
  /** The remedy, if one is known. */
  hint?: string;
}

/** The issue of a message of the bundler. `dir` is the function's folder: the message's paths are relative to it. */
export function createIssue(message: BundleMessage, dir: string): BuildIssue {
  const { location } = message;
  const text = TEXTS[message.id] ?? message.text;
  const hint = hintFor(message, dir);
  const fix = hint === undefined ? {} : { hint };
  if (location === null) {
    return { file: displayPath(dir), line: 1, column: 1, message: text, frame: "", ...fix };
  }
  // The bundler counts bytes, an issue characters.
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

/** An issue as text: place and message, the code frame, the hint. */
export function formatIssue({ file, line, column, message, frame, hint }: BuildIssue): string {
  const place = frame === "" ? file : `${file}:${line}:${column}`;
  return [`${place}: ${message}`, frame, hint].filter(Boolean).join("\n");
}

/** An issue in one line, without the frame. */
export function summarizeIssue({ file, line, column, message, frame, hint }: BuildIssue): string {
  const place = frame === "" ? file : `${file}:${line}:${column}`;
  return `${place}: ${message}${hint === undefined ? "" : ` (${hint.replaceAll("\n", "; ")})`}`;
}

/** The module that is imported at the place of a message, if any. */
export function importedAt({ location }: BundleMessage): string | undefined {
  if (location === null) return undefined;
  const bytes = Buffer.from(location.lineText);
  const text = bytes.subarray(location.column, location.column + location.length).toString();
  return /^(["'`])(.+)\1$/.exec(text)?.[2];
}

/** Upper bound of the characters of a line in a frame. A line of a minified package may be a megabyte long. */
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

/** The meaning of some messages for a function, by their ids. */
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
  "a function consists of its own files and of npm packages: modules of other platforms, and of URLs, are not available";

const ALIAS_HINT =
  "it is neither a file (`./…`) nor a package; `paths` defines short names for folders in a tsconfig.json beside the source";

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
  // esbuild advises to mark the import as external. An isolate has no modules outside the bundle.
  const notes = message.notes
    .map(({ text }) => text)
    .filter((text) => text !== "" && !text.startsWith("You can mark the path"));
  if (notes.length > 0) return notes.join("\n");
  return isUnresolved ? ALIAS_HINT : undefined;
}

/** The message for a missing file of the function, with the nearest existing name. */
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
