/** The functions of a page. Its code blocks are files, named in their first line (`// hello/index.ts`, `# hello/narun.yaml`). */
import { parse } from "yaml";
import type { Source } from "./function-source.ts";

export interface PageFunction {
  files: Exclude<Source, string>;
  /** The contents of its narun.yaml. */
  config: Record<string, unknown>;
}

const BLOCK = /^```(\w+)\n([\s\S]*?)^```$/gm;
const FILE = /^(?:\/\/|#) ([\w-]+)\/([\w.-]+)/;

/** The functions by name. Every block of TypeScript, YAML and Protobuf must be a file of one function. */
export function functionsOf(page: string): Map<string, PageFunction> {
  const functions = new Map<string, PageFunction>();
  for (const [, language, code = ""] of page.matchAll(BLOCK)) {
    if (language !== "ts" && language !== "yaml" && language !== "proto") continue;
    const [, name, file] = FILE.exec(code) ?? [];
    if (name === undefined || file === undefined) throw new Error(`a block names no file:\n${code}`);
    const found = functions.get(name) ?? { files: {}, config: {} };
    functions.set(name, found);
    if (file === "narun.yaml") found.config = parse(code) as Record<string, unknown>;
    else found.files[file] = code;
  }
  return functions;
}
