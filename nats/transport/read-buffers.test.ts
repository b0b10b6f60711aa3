import { describe, expect, it } from "vitest";
import { ReadBuffers } from "./read-buffers.ts";

describe("the memory that is read into", () => {
  it("is the same one again while nobody holds it", () => {
    const buffers = new ReadBuffers();
    const first = buffers.next();
    buffers.current.hold()?.();
    expect(buffers.next()).toBe(first);
  });

  it("is another one until all who hold it have let go", () => {
    const buffers = new ReadBuffers();
    const first = buffers.next();
    const { current } = buffers;
    const releases = [current.hold(), current.hold()];
    expect(buffers.next()).not.toBe(first);
    releases[0]?.();
    // Once more is not another holder's release.
    releases[0]?.();
    buffers.current.hold();
    expect(buffers.next()).not.toBe(first);
    releases[1]?.();
    buffers.current.hold();
    expect(buffers.next()).toBe(first);
  });

  it("is held up to a bound, and can be held again below it", () => {
    const buffers = new ReadBuffers();
    const releases: (() => void)[] = [];
    for (let at = 0; at < 1_000; at++) {
      buffers.next();
      const release = buffers.current.hold();
      if (release === undefined) break;
      releases.push(release);
    }
    expect(releases.length).toBeLessThan(20);
    expect(buffers.current.hold()).toBeUndefined();
    releases[0]?.();
    expect(buffers.current.hold()).toBeDefined();
  });
});
