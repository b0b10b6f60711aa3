import { dirname } from "node:path";

/** A folder, then each of its parent folders. */
export function* ancestorsOf(folder: string): Generator<string> {
  for (let current = folder; ; current = dirname(current)) {
    yield current;
    if (current === dirname(current)) return;
  }
}
