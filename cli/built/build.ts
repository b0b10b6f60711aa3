/** A process that builds the files and ends. `bin/built.cjs` starts it with the main file and the folders. */
import { buildFiles } from "./build-files.ts";

const [main = "", folder = "", compiled = ""] = process.argv.slice(2);
await buildFiles({ main, folder, compiled });
