import type { Ask, Post } from "./boundary.ts";

// The one mutable state of the platform: the snapshot is taken before an isolate has a host, `connectHost` joins them.
let post: Post = () => {
  throw new Error("no host");
};
let ask: Ask = () => {
  throw new Error("no host");
};

export function connectHost(link: { post: Post; ask: Ask }): void {
  post = link.post;
  ask = link.ask;
}

/** Sends a message to the host; never waits, never throws. */
export const postToHost: Post = (...message) => post(...message);

/** Asks the host and waits for its answer: for rare things only. */
export const askHost: Ask = (what, argument) => ask(what, argument);
