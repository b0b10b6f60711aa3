/**
 * `URLPattern` of the URL Pattern standard, on the URL parser of `URL`. The existing polyfill fails a twentieth of the
 * conformance tests (newer regular expressions, code points beyond the first plane, hosts and ports).
 */
import { asInterface } from "../../webidl/webidl.ts";
import { type Components, compilePattern, hasRegExpGroups, matchPattern, type Result } from "./engine.ts";

export class URLPattern {
  readonly #components: Components;

  constructor(input: unknown = {}, ...rest: unknown[]) {
    this.#components = compilePattern(input, rest);
  }

  get protocol(): string {
    return this.#components.protocol.pattern;
  }
  get username(): string {
    return this.#components.username.pattern;
  }
  get password(): string {
    return this.#components.password.pattern;
  }
  get hostname(): string {
    return this.#components.hostname.pattern;
  }
  get port(): string {
    return this.#components.port.pattern;
  }
  get pathname(): string {
    return this.#components.pathname.pattern;
  }
  get search(): string {
    return this.#components.search.pattern;
  }
  get hash(): string {
    return this.#components.hash.pattern;
  }
  get hasRegExpGroups(): boolean {
    return hasRegExpGroups(this.#components);
  }

  test(input: unknown = {}, ...rest: unknown[]): boolean {
    return matchPattern(this.#components, input, rest[0]) !== null;
  }

  exec(input: unknown = {}, ...rest: unknown[]): Result | null {
    return matchPattern(this.#components, input, rest[0]);
  }
}

asInterface("URLPattern", URLPattern);
