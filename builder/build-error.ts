import { isBuiltin } from "node:module";
import { HTTP_METHODS, NarunError } from "../contracts/index.ts";
import { createIssue, formatIssue, importedAt, summarizeIssue } from "./build-issue.ts";
import type { BundleMessage } from "./bundle-message.ts";
import { type BundledFile, findImportChains } from "./bundler.ts";
import type { LoadedFunction } from "./function-folder.ts";

/** Upper bound of the places that are shown with their lines of source. */
const SHOWN_PLACES = 5;
/** Upper bound of the places that are shown at all, one line each. */
const LISTED_PLACES = 50;

/**
 * The error of a source that does not bundle. NODE_BUILTIN_IN_ISOLATE with the chain of imports, if modules of Node are the
 * only obstacle, else BUILD_FAILED. `fields.issues` has each place.
 */
export async function createBuildError(
  fn: LoadedFunction,
  messages: readonly BundleMessage[],
): Promise<NarunError> {
  const issues = messages.map((message) => createIssue(message, fn.dir));
  const imports = messages.flatMap((message) => {
    const builtin = importedAt(message);
    const importer = message.location?.file ?? fn.entry;
    return builtin !== undefined && isBuiltin(builtin) ? [{ importer, builtin }] : [];
  });
  if (fn.config.mode !== "isolate" || imports.length < messages.length) {
    const shown = issues.slice(0, SHOWN_PLACES).map(formatIssue);
    const listed = issues.slice(SHOWN_PLACES, LISTED_PLACES).map(summarizeIssue);
    const detail = listPlaces([...shown, listed.join("\n")], issues.length - shown.length - listed.length);
    return new NarunError("BUILD_FAILED", { detail, issues });
  }

  const { dir, entry, settings } = fn;
  const source = { dir, entry, settings, mode: "isolate", isMinified: true } as const;
  const chains = await findImportChains(source, imports);
  // A package for Node imports its modules in dozens of places. The first few are enough.
  const places = issues
    .slice(0, SHOWN_PLACES)
    .map(({ file, line, column, frame }, index) =>
      [chains[index]?.join(" → "), `${file}:${line}:${column}`, frame].join("\n"),
    );
  return new NarunError("NODE_BUILTIN_IN_ISOLATE", {
    detail: `${listPlaces(places, issues.length - places.length)}\n${issues[0]?.hint ?? ""}`,
    modules: [...new Set(imports.map(({ builtin }) => builtin))],
    chains,
    issues,
  });
}

/** `more`: the number of places that are left out. */
function listPlaces(places: readonly string[], more: number): string {
  return [...places, more > 0 ? `… and ${more} more places` : ""].filter(Boolean).join("\n\n");
}

/** Refuses a function without a handler, by the names of its entry's exports. Error: NO_HANDLER. */
export function hasHandler(exports: readonly string[]): boolean {
  return exports.includes("default") || HTTP_METHODS.some((method) => exports.includes(method));
}

export function createNoHandlerError(fn: LoadedFunction, exports: readonly string[]): NarunError {
  const found = exports.length === 0 ? "nothing" : `only ${[...exports].sort().join(", ")}`;
  return new NarunError("NO_HANDLER", { detail: `${fn.entry} exports ${found}`, exports });
}

export function createTooLargeError(
  fn: LoadedFunction,
  bytes: number,
  heaviest: readonly BundledFile[],
): NarunError {
  const maxBytes = fn.config.limits.maxBundleBytes;
  const list = heaviest.slice(0, 5).map((file) => `  ${formatBytes(file.bytes).padStart(9)}  ${file.path}`);
  return new NarunError("BUNDLE_TOO_LARGE", {
    detail: `it has ${formatBytes(bytes)} (${bytes} bytes), limits.maxBundleBytes is ${formatBytes(maxBytes)} (${maxBytes}); the heaviest files:\n${list.join("\n")}`,
    limit: "limits.maxBundleBytes",
    maxBytes,
    bytes,
    heaviest,
  });
}

/** A size for a person: `12.3 KiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  const kib = bytes / 1_024;
  return kib < 1_024 ? `${kib.toFixed(1)} KiB` : `${(kib / 1_024).toFixed(1)} MiB`;
}
