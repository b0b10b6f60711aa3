import type { NarunError } from "../../contracts/index.ts";
import type { Build } from "../build-result.ts";
import { watchFunction } from "../watch.ts";
import type { SourceFolder } from "./source-folder.ts";

type Event = { build: Build } | { error: unknown };

/** Watches a folder and hands over the reports, one after the other. */
export function startWatch(
  folder: SourceFolder,
  onBuild: (build: Build) => void | Promise<void> = () => undefined,
) {
  const controller = new AbortController();
  const events: Event[] = [];
  const waiting: ((event: Event) => void)[] = [];
  const report = (event: Event) => {
    const take = waiting.shift();
    if (take === undefined) events.push(event);
    else take(event);
  };
  const done = watchFunction(folder.dir, {
    async onBuild(build) {
      await onBuild(build);
      report({ build });
    },
    onError: (error) => report({ error }),
    signal: controller.signal,
  });
  const next = () => {
    const event = events.shift();
    return event === undefined
      ? new Promise<Event>((resolve) => waiting.push(resolve))
      : Promise.resolve(event);
  };
  return {
    /** The text of the next build's bundle. */
    async nextCode(): Promise<string> {
      const event = await next();
      if ("error" in event) throw event.error;
      return Buffer.from(event.build.bundle).toString();
    },
    /** Skips reports until a bundle has a text. One save may cause several builds, and some of them fail. */
    async codeWith(text: string): Promise<string> {
      for (;;) {
        const event = await next();
        const code = "build" in event ? Buffer.from(event.build.bundle).toString() : "";
        if (code.includes(text)) return code;
      }
    },
    async nextError(): Promise<NarunError> {
      const event = await next();
      if ("build" in event) throw new Error("it was built");
      return event.error as NarunError;
    },
    unread: events,
    async [Symbol.asyncDispose]() {
      controller.abort();
      await done;
    },
  };
}
