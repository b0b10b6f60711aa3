import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";

/** The `.proto` files below a function's folder, without those of packages and of hidden folders. */
export async function findProtos(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".proto"))
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => !/(?:^|[\\/])(?:node_modules|\.[^\\/]+)[\\/]/.test(relative(dir, path)))
    .sort();
}
