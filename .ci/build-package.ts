/**
 * Makes the published files: JavaScript and declarations in `dist/`. Node strips types in the repository, but not in an
 * installed package. `npm pack` and `npm publish` call it.
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
// The compiler does not copy declaration files.
cpSync(join(root, "functions", "sdk", "modules.d.ts"), join(dist, "functions", "sdk", "modules.d.ts"));
cpSync(join(root, "builder", "templates"), join(dist, "builder", "templates"), { recursive: true });
const { name, version, type } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
// The nearest package.json gives the code its version and its module type, in the repository and in `dist/`.
writeFileSync(join(dist, "package.json"), `${JSON.stringify({ name, version, type }, null, 2)}\n`);
