/**
 * Changes of messages of the Chrome DevTools Protocol between a debugger and V8. A debugger gets the author's files from the
 * source map, does not stop in the platform when it steps, and sees one context.
 *
 * I1  The ids of a debugger's messages begin at 0. Negative ids are ours, and the debugger never sees their answers.
 * I2  A debugger sees exactly one `resumed` for each `paused`.
 */
import { PLATFORM_FILE } from "../../../web/index.ts";
import { BUNDLE_FILE } from "../../instance/source-maps.ts";

/** The name of isolated-vm's own context, in which no function runs. */
const EMPTY_CONTEXT = "default";

/** Messages to V8 when the debugger has gone: the function goes on as without a debugger. */
export const GOODBYE: readonly string[] = ["Debugger", "Profiler", "HeapProfiler", "Runtime"].map(
  (domain, index) => JSON.stringify({ id: -1 - index, method: `${domain}.disable` }),
);

const STEP_OUT = JSON.stringify({ id: -10, method: "Debugger.stepOut" });

interface ProtocolMessage {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
}

export interface InspectorDialect {
  /** A debugger's message on its way to V8; undefined where the text is no message. */
  fromDebugger(text: string): string | undefined;
  /** V8's message on its way to the debugger; undefined where the debugger must not see it. */
  fromIsolate(text: string): string | undefined;
}

export interface DialectOptions {
  /** The name of the function's context. */
  name: string;
  /** The source map of the bundle as a URL. */
  sourceMapUrl: string | undefined;
  /** Sends V8 a message of our own. */
  send(message: string): void;
}

export function createInspectorDialect({ name, sourceMapUrl, send }: DialectOptions): InspectorDialect {
  let context: unknown;
  /** The platform itself, and the modules that load a function. */
  const platformScripts = new Set<unknown>();
  // V8 reports `resumed` for the step that leaves the platform. The debugger has seen the `resumed` of its own step.
  let hidesResumed = false;

  const changed = (message: ProtocolMessage): ProtocolMessage | undefined => {
    const { id, method, params = {} } = message;
    if (id !== undefined && id < 0) return undefined;
    switch (method) {
      case "Runtime.executionContextCreated": {
        const own = params.context as { id: number; name: string };
        if (own.name === EMPTY_CONTEXT) return undefined;
        context = own.id;
        return { ...message, params: { context: { ...own, name } } };
      }
      case "Debugger.scriptParsed":
        if (params.url === PLATFORM_FILE) platformScripts.add(params.scriptId);
        return params.url === BUNDLE_FILE && sourceMapUrl !== undefined
          ? { ...message, params: { ...params, sourceMapURL: sourceMapUrl } }
          : message;
      case "Debugger.paused":
        // V8's list of files to step over does not apply to code out of a snapshot, such as the platform.
        if (params.reason !== "step" || !platformScripts.has(topScript(params.callFrames))) return message;
        hidesResumed = true;
        send(STEP_OUT);
        return undefined;
      case "Debugger.resumed":
        if (!hidesResumed) return message;
        hidesResumed = false;
        return undefined;
    }
    return message;
  };

  return {
    fromIsolate(text) {
      const message = changed(JSON.parse(text) as ProtocolMessage);
      return message === undefined ? undefined : JSON.stringify(message);
    },
    fromDebugger(text) {
      const message = parseMessage(text);
      if (message === undefined) return undefined;
      const { method, params = {} } = message;
      if (method !== "Runtime.evaluate" || "contextId" in params || "uniqueContextId" in params) return text;
      // Without a context V8 looks for a default context, which an isolate does not have.
      return JSON.stringify({ ...message, params: { ...params, contextId: context } });
    },
  };
}

function topScript(frames: unknown): unknown {
  const [top] = frames as { location?: { scriptId?: unknown } }[];
  return top?.location?.scriptId;
}

function parseMessage(text: string): ProtocolMessage | undefined {
  try {
    const message = JSON.parse(text) as ProtocolMessage | null;
    const isOurs = typeof message?.id !== "number" || message.id < 0;
    return isOurs || typeof message.method !== "string" ? undefined : message;
  } catch {
    return undefined;
  }
}

/**
 * A source map as a URL. In it the author's files have the paths at which debuggers and editors find them. Undefined where the
 * bytes are no source map.
 */
export function sourceMapUrl(sourceMap: Uint8Array, folderUrl: string): string | undefined {
  const map = parseMap(sourceMap);
  if (map === undefined) return undefined;
  const base = folderUrl.endsWith("/") ? folderUrl : `${folderUrl}/`;
  const sources = map.sources.map((source) => URL.parse(source, base)?.href ?? source);
  const json = JSON.stringify({ ...map, sources });
  return `data:application/json;base64,${Buffer.from(json).toString("base64")}`;
}

function parseMap(sourceMap: Uint8Array): { sources: string[] } | undefined {
  try {
    const map = JSON.parse(new TextDecoder().decode(sourceMap)) as { sources?: unknown } | null;
    return Array.isArray(map?.sources) ? { ...map, sources: map.sources.map(String) } : undefined;
  } catch {
    return undefined;
  }
}
