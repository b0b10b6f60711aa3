import { ProtoError, type ProtoPlace, type ProtoSource } from "./proto-error.ts";
import { type Token, tokensOf } from "./tokens.ts";

/** Reads the tokens of a file one after the other. Its errors name the place. */
export class TokenReader {
  readonly source: ProtoSource;
  readonly #tokens: readonly Token[];
  #at = 0;
  #comment: string | undefined;

  constructor(source: ProtoSource) {
    this.source = source;
    this.#tokens = tokensOf(source);
  }

  get next(): Token {
    return this.#tokens[this.#at] as Token;
  }

  take(): Token {
    const { next } = this;
    if (next.kind !== "end") this.#at += 1;
    if (/^[;{}]$/.test(next.text)) this.#comment = undefined;
    else this.#comment = next.comment ?? this.#comment;
    return next;
  }

  /** The comment before the statement that is being read. It is told once. */
  takeComment(): string | undefined {
    const comment = this.#comment;
    this.#comment = undefined;
    return comment;
  }

  is(text: string): boolean {
    return this.next.text === text && this.next.kind !== "text";
  }

  /** Whether the token after the next one is this. */
  isThen(text: string): boolean {
    const then = this.#tokens[this.#at + 1];
    return then?.text === text && then.kind !== "text";
  }

  takeIf(text: string): boolean {
    if (!this.is(text)) return false;
    this.take();
    return true;
  }

  expect(text: string, after: string): Token {
    if (this.is(text)) return this.take();
    throw this.unexpected(`${JSON.stringify(text)} after ${after}`);
  }

  name(what: string): Token {
    if (this.next.kind === "name") return this.take();
    throw this.unexpected(what);
  }

  /** `a.b.c`, or `.a.b.c`. */
  fullName(what: string): { text: string; place: ProtoPlace } {
    const first = this.next;
    let text = this.takeIf(".") ? "." : "";
    text += this.name(what).text;
    while (this.is(".")) {
      this.take();
      text += `.${this.name("a name after the dot").text}`;
    }
    const isOneLine = this.next.line === first.line;
    return {
      text,
      place: { ...first, length: isOneLine ? Math.max(text.length, first.length) : first.length },
    };
  }

  /** Texts behind each other are one. */
  text(what: string): { bytes: Uint8Array; place: Token } {
    const place = this.next;
    const parts: Uint8Array[] = [];
    while (this.next.kind === "text") parts.push(this.take().bytes ?? new Uint8Array());
    if (parts.length === 0) throw this.unexpected(what);
    return { bytes: Buffer.concat(parts), place };
  }

  /** A number between two bounds. */
  integer(what: string, min: number, max: number): number {
    const place = this.next;
    const sign = this.takeIf("-") ? -1 : 1;
    if (this.next.kind !== "integer") throw this.unexpected(what);
    const value = sign * numberOf(this.take().text);
    if (value >= min && value <= max) return value;
    throw new ProtoError(place, `${value} is out of range`, `${what} is from ${min} to ${max}`);
  }

  unexpected(wanted: string): ProtoError {
    const { next } = this;
    const found = next.kind === "end" ? next.text : JSON.stringify(next.text);
    return new ProtoError(next, `found ${found}`, `expected: ${wanted}`);
  }
}

/** An integer as written: decimal, hexadecimal or octal. */
export function numberOf(text: string): number {
  return /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
}
