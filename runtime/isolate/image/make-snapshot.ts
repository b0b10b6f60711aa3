/** A program that turns a script (standard input) into a V8 snapshot (standard output). */
import { text } from "node:stream/consumers";
import { PLATFORM_FILE } from "../../../web/index.ts";
import { createSnapshot } from "../engine.ts";
import { WARM_UP } from "./warm-up.ts";

process.stdout.write(createSnapshot(await text(process.stdin), PLATFORM_FILE, WARM_UP));
