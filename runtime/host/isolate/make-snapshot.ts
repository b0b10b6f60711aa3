/** A process of its own that turns a script (standard input) into a V8 snapshot (standard output). */
import { text } from "node:stream/consumers";
import { createSnapshot } from "./engine.ts";

const script = await text(process.stdin);
process.stdout.write(createSnapshot(script, process.argv[2] ?? "script"));
