/**
 * Makes what is published: JavaScript and declarations in `dist/`. Node strips types from the repository's files, but
 * not from those of a package. Called by `npm pack` and `npm publish`.
 */
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", join(".ci", "tsconfig.package.json")],
  {
    cwd: root,
    stdio: "inherit",
  },
);
// Declarations that were written as such are not the compiler's to write.
cpSync(join(root, "functions", "sdk", "modules.d.ts"), join(dist, "functions", "sdk", "modules.d.ts"));
cpSync(join(root, "builder", "templates"), join(dist, "builder", "templates"), { recursive: true });
const { name, version, type } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
// Code finds its version and its module type in the package.json nearest to it, in the repository and here.
writeFileSync(join(dist, "package.json"), `${JSON.stringify({ name, version, type }, null, 2)}\n`);
