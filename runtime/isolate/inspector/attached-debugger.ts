import { pathToFileURL } from "node:url";
import {
  createInspectorDialect,
  GOODBYE,
  type InspectorDialect,
  sourceMapUrl,
} from "./inspector-messages.ts";

/** An instance that a debugger may attach to. */
export interface InspectedInstance {
  id: string;
  function: string;
  revision: string;
  /** Sends a message to V8's inspector of the instance. */
  send(message: string): void;
  sourceMap(): Promise<Uint8Array | undefined>;
}

interface DebuggerSocket {
  send(text: string): void;
  close(code: number, why: string): void;
}

type Phase =
  | { kind: "loading"; early: string[] }
  | { kind: "open"; dialect: InspectorDialect }
  | { kind: "left" };

/** A debugger's connection to one instance. Its messages wait until the source map is here: V8's first answers name the scripts. */
export class AttachedDebugger {
  readonly #instance: InspectedInstance;
  readonly #socket: DebuggerSocket;
  #phase: Phase = { kind: "loading", early: [] };

  /** `folder`: the function's folder, where it is known. */
  constructor(instance: InspectedInstance, socket: DebuggerSocket, folder: string | undefined) {
    this.#instance = instance;
    this.#socket = socket;
    void this.#load(folder);
  }

  /** A message of the instance's inspector. */
  receive(message: string): void {
    if (this.#phase.kind !== "open") return;
    const text = this.#phase.dialect.fromIsolate(message);
    if (text !== undefined) this.#socket.send(text);
  }

  /** A message of the debugger. */
  take(text: string): void {
    if (this.#phase.kind === "loading") this.#phase.early.push(text);
    if (this.#phase.kind !== "open") return;
    const message = this.#phase.dialect.fromDebugger(text);
    if (message !== undefined) this.#instance.send(message);
  }

  /** Makes V8 forget the debugger. Nothing of the debugger reaches V8 afterwards. */
  leave(): void {
    if (this.#phase.kind === "left") return;
    this.#phase = { kind: "left" };
    for (const message of GOODBYE) this.#instance.send(message);
  }

  close(why: string): void {
    this.#socket.close(GOING_AWAY, why);
  }

  async #load(folder: string | undefined): Promise<void> {
    const { function: name, send } = this.#instance;
    const base = folder === undefined ? `narun:///${name}` : pathToFileURL(folder).href;
    const map = await this.#instance.sourceMap().catch(() => undefined);
    if (this.#phase.kind !== "loading") return;
    const { early } = this.#phase;
    const dialect = createInspectorDialect({
      name,
      sourceMapUrl: map === undefined ? undefined : sourceMapUrl(map, base),
      send,
    });
    this.#phase = { kind: "open", dialect };
    for (const text of early) this.take(text);
  }
}

/** The status of RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;
