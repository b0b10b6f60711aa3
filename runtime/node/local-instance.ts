import type { Mode } from "../../contracts/index.ts";

/** An instance that runs on this node, or is starting or draining here. */
export interface LocalInstance {
  id: string;
  /** The lowest number that no other instance of its function had here, from 0. */
  index: number;
  function: string;
  revision: string;
  generation: string;
  mode: Mode;
  /** The group of the host that it is in (groups.ts). */
  group: string;
  concurrency: number;
  phase: "starting" | "ready" | "draining";
}
