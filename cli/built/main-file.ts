import { extname, join } from "node:path";

/** The file that runs the command line, for processes that a command starts. In the built files this module is another one. */
export const mainFile: string = join(import.meta.dirname, "..", `main${extname(import.meta.filename)}`);
