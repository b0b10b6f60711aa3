import {
  asInterface,
  conversions,
  requireArguments,
  toDictionary,
  toDOMString,
  toUSVString,
} from "../webidl/webidl.ts";
import { Event, type EventInit, showEvent } from "./event.ts";

export interface ErrorEventInit extends EventInit {
  message?: string;
  filename?: string;
  lineno?: number;
  colno?: number;
  error?: unknown;
}

/** `ErrorEvent` of HTML, for an error that was not caught. */
export class ErrorEvent extends Event {
  #message: string;
  #filename: string;
  #lineno: number;
  #colno: number;
  #error: unknown;

  constructor(type: unknown, init: ErrorEventInit | undefined = undefined) {
    requireArguments(arguments.length, 1, "ErrorEvent");
    super(type, init);
    const { colno = 0, error, filename = "", lineno = 0, message = "" } = toDictionary(init, "ErrorEvent");
    this.#colno = conversions["unsigned long"](colno);
    this.#error = error;
    this.#filename = toUSVString(filename);
    this.#lineno = conversions["unsigned long"](lineno);
    this.#message = toDOMString(message);
  }

  get message(): string {
    return this.#message;
  }

  get filename(): string {
    return this.#filename;
  }

  get lineno(): number {
    return this.#lineno;
  }

  get colno(): number {
    return this.#colno;
  }

  get error(): unknown {
    return this.#error;
  }
}

asInterface("ErrorEvent", ErrorEvent);
showEvent(ErrorEvent, "ErrorEvent", ({ message, filename, lineno, colno, error }) => ({
  message,
  filename,
  lineno,
  colno,
  error,
}));
