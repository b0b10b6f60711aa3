import { SourceMap } from "node:module";
import type { BundleMessage } from "./bundle-message.ts";

/** A bundle's code with its source map. */
export interface BundledCode {
  code: Uint8Array;
  sourceMap: Uint8Array;
}

/** Finds the source of an offset in a bundle: the place of `name`, which begins at the offset or soon behind. */
export type FindSource = (at: number, name: string) => BundleMessage["location"];

/** Returns null for code that the bundler itself wrote. */
export function createSourceFinder(code: string, sourceMap: Uint8Array): FindSource {
  const payload = JSON.parse(Buffer.from(sourceMap).toString());
  const map = new SourceMap(payload);
  return (at, name) => {
    const lines = code.slice(0, at).split("\n");
    const entry = map.findEntry(lines.length - 1, lines.at(-1)?.length ?? 0);
    if (!("originalSource" in entry)) return null;
    const { originalSource: file, originalLine: line, originalColumn: character } = entry;
    const source: string = payload.sourcesContent[payload.sources.indexOf(file)] ?? "";
    const lineText = source.split("\n")[line] ?? "";
    // The map has the beginning of a declaration.
    const own = lineText.indexOf(name, character);
    const column = Buffer.byteLength(lineText.slice(0, own === -1 ? character : own));
    return { file, namespace: "file", line: line + 1, column, length: name.length, lineText, suggestion: "" };
  };
}
