import { dirname } from "node:path";

/** A folder, then each one above it. */
export function* ancestorsOf(folder: string): Generator<string> {
  for (let current = folder; ; current = dirname(current)) {
    yield current;
    if (current === dirname(current)) return;
  }
}
