import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { NAME_PATTERN, NarunError } from "../contracts/index.ts";
import { makeFolders, unusableFolder } from "../machine/index.ts";
import { displayPath } from "./function-folder.ts";

/** Template → file. The template has another name than .gitignore, because npm leaves such files out of a package. */
const FILES = [
  ["index.ts", "index.ts"],
  ["narun.yaml", "narun.yaml"],
  ["gitignore", ".gitignore"],
] as const;

const GRPC_FILES = [
  ["grpc/index.ts", "index.ts"],
  ["grpc/greeter.proto", "greeter.proto"],
  ["grpc/greeter.d.proto.ts", "greeter.d.proto.ts"],
  ["grpc/tsconfig.json", "tsconfig.json"],
  ["grpc/narun.yaml", "narun.yaml"],
  ["gitignore", ".gitignore"],
] as const;

/** The function that `initFunction` writes. */
export interface InitOptions {
  /** Default: the folder's name. */
  name?: string;
  /** `http` answers requests; `grpc` implements a service of a `.proto` file. Default `http`. */
  template?: "http" | "grpc";
}

/**
 * Writes a new function into a folder, and makes the folder if needed. Existing files are not overwritten. Returns the paths
 * for a person. Error: USAGE, for an existing file or an invalid name.
 */
export async function initFunction(
  dir: string,
  { name = basename(resolve(dir)), template = "http" }: InitOptions = {},
): Promise<{ name: string; files: string[] }> {
  if (!NAME_PATTERN.test(name)) {
    throw new NarunError("USAGE", {
      detail: `${JSON.stringify(name)} cannot name a function: 1 to 63 of A-Z, a-z, 0-9, _ and -`,
    });
  }
  const files = template === "grpc" ? GRPC_FILES : FILES;
  const targets = files.map(([source, file]) => ({ source, path: join(resolve(dir), file) }));
  const present = targets.filter(({ path }) => existsSync(path)).map(({ path }) => displayPath(path));
  if (present.length > 0) {
    throw new NarunError("USAGE", { detail: `${present.join(", ")} would be overwritten`, present });
  }

  try {
    await makeFolders(resolve(dir));
    for (const { source, path } of targets) {
      const text = await readFile(new URL(`./templates/${source}`, import.meta.url), "utf8");
      await writeFile(path, text.replaceAll("{{name}}", name), { flag: "wx" });
    }
  } catch (error) {
    throw unusableFolder(dir, error);
  }
  return { name, files: targets.map(({ path }) => displayPath(path)) };
}
