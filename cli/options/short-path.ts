import type { ShortPath } from "../../gateway/index.ts";
import { value } from "./option.ts";
import { oneOf } from "./values.ts";

const CHOICES: readonly ShortPath[] = ["auto", "off"];

/** An option of both sides: the gateway uses the sockets, the node-runner's hosts open them. */
export const shortPath = value({
  flag: "--short-path <choice>",
  variables: ["NARUN_SHORT_PATH"],
  help: "auto: gateway and functions of one machine speak over a socket, else over NATS; off: over NATS only",
  fallback: "auto",
  parse: oneOf(CHOICES),
});
