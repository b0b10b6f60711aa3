/**
 * What is changed in messages of the Chrome DevTools Protocol between a debugger and V8: a debugger gets the author's
 * files from the source map, does not stop in the platform when it steps, and sees one context.
 *
 * I1  A debugger's messages have ids from 0 on; negative ones are ours, and it never sees their answers.
 * I2  Every `paused` that a debugger sees is followed by the `resumed` of that pause, and no other.
 */
import { PLATFORM_FILE } from "../../../web/index.ts";
import { BUNDLE_FILE } from "../../instance/source-maps.ts";

/** isolated-vm's own context, in which nothing of a function runs. */
const EMPTY_CONTEXT = "default";

/** What V8 is told when the debugger has gone, so that the function goes on as if there had been none. */
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
  /** A debugger's message on its way to V8; undefined where it is none. */
  fromDebugger(text: string): string | undefined;
  /** V8's message on its way to the debugger; undefined where that need not see it. */
  fromIsolate(text: string): string | undefined;
}

export interface DialectOptions {
  /** How the function's context is called. */
  name: string;
  /** The source map of the bundle as a URL. */
  sourceMapUrl: string | undefined;
  /** Sends V8 a message besides the debugger's. */
  send(message: string): void;
}

export function createInspectorDialect({ name, sourceMapUrl, send }: DialectOptions): InspectorDialect {
  let context: unknown;
  /** The platform itself, and the modules that load a function. */
  const platformScripts = new Set<unknown>();
  // V8 says `resumed` for the step that leaves the platform; the debugger has heard it for its own already.
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
        // The platform comes from a snapshot: V8's own lists of files to step over do not apply to it.
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
      // Without a context V8 would look for a default one, which an isolate has not.
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
 * A source map as a URL, in which the author's files have the places where debuggers and editors find them; undefined
 * where it is none.
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
