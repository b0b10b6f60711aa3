/** A pattern for a whole URL taken apart into its components (URL Pattern standard, "Constructor string parsing"). */
import { compileProtocol, matchesSpecialScheme } from "./component.ts";
import { COMPONENTS, type ComponentName, type PatternInit } from "./init.ts";
import { type Token, tokenize } from "./tokenize.ts";

type State = "init" | "authority" | "done" | ComponentName;

export function parseConstructorString(input: string): PatternInit {
  return new ConstructorStringParser(input).parse();
}

/** The standard's state machine. A change of state sets the token at which parsing goes on. */
class ConstructorStringParser {
  readonly #points: readonly string[];
  readonly #tokens: readonly Token[];
  readonly #result: PatternInit = {};
  #state: State = "init";
  /** Index of the current token. */
  #at = 0;
  /** Index of the token at which the component of the current state begins. */
  #start = 0;
  #groupDepth = 0;
  #bracketDepth = 0;
  #isSpecial = false;

  constructor(input: string) {
    this.#points = Array.from(input);
    this.#tokens = tokenize(this.#points, false);
  }

  parse(): PatternInit {
    while (this.#at < this.#tokens.length && this.#state !== "done") {
      if (this.#tokenAt(this.#at).type === "end") this.#readEnd();
      else if (this.#isInGroup()) this.#at++;
      else this.#readToken();
    }
    const result = this.#result;
    // A host without a port is on the default port, not on any port.
    if (result.hostname !== undefined && result.port === undefined) result.port = "";
    return result;
  }

  #readEnd(): void {
    if (this.#state === "init") {
      this.#rewind("init");
      if (this.#isChar("#")) this.#change("hash", 1);
      else if (this.#isSearch()) this.#change("search", 1);
      else this.#change("pathname", 0);
    } else if (this.#state === "authority") this.#rewind("hostname");
    else this.#change("done", 0);
  }

  /** Counts the groups that the token opens and closes. The token that closes the outermost group is outside again. */
  #isInGroup(): boolean {
    const { type } = this.#tokenAt(this.#at);
    if (type === "open") this.#groupDepth++;
    else if (type === "close" && this.#groupDepth > 0) this.#groupDepth--;
    return this.#groupDepth > 0;
  }

  #readToken(): void {
    switch (this.#state) {
      case "init":
        if (this.#isChar(":")) this.#rewind("protocol");
        else this.#at++;
        break;
      case "protocol":
        if (this.#isChar(":")) this.#leaveProtocol();
        else this.#at++;
        break;
      case "authority":
        if (this.#isChar("@")) this.#rewind("username");
        else if (this.#isChar("/") || this.#isSearch() || this.#isChar("#")) this.#rewind("hostname");
        else this.#at++;
        break;
      case "username":
        if (this.#isChar(":")) this.#change("password", 1);
        else if (this.#isChar("@")) this.#change("hostname", 1);
        else this.#at++;
        break;
      case "password":
        if (this.#isChar("@")) this.#change("hostname", 1);
        else this.#at++;
        break;
      case "hostname":
        this.#readHostname();
        break;
      case "port":
        this.#leaveBefore("/", "?", "#");
        break;
      case "pathname":
        this.#leaveBefore("?", "#");
        break;
      case "search":
        this.#leaveBefore("#");
        break;
      default:
        this.#at++;
    }
  }

  #leaveProtocol(): void {
    this.#isSpecial = matchesSpecialScheme(compileProtocol(this.#text()));
    const hasSlashes = this.#isChar("/", this.#at + 1) && this.#isChar("/", this.#at + 2);
    this.#change(hasSlashes || this.#isSpecial ? "authority" : "pathname", hasSlashes ? 3 : 1);
  }

  #readHostname(): void {
    if (this.#isChar("[")) this.#bracketDepth++;
    else if (this.#isChar("]")) this.#bracketDepth--;
    if (this.#isChar(":") && this.#bracketDepth === 0) this.#change("port", 1);
    else this.#leaveBefore("/", "?", "#");
  }

  /** Changes to the component that the token begins. Any other token belongs to the current component. */
  #leaveBefore(...prefixes: ("/" | "?" | "#")[]): void {
    if (prefixes.includes("/") && this.#isChar("/")) this.#change("pathname", 0);
    else if (prefixes.includes("?") && this.#isSearch()) this.#change("search", 1);
    else if (this.#isChar("#")) this.#change("hash", 1);
    else this.#at++;
  }

  #rewind(next: State): void {
    this.#state = next;
    this.#at = this.#start;
  }

  #change(next: State, skip: number): void {
    const state = this.#state;
    if (state !== "init" && state !== "authority" && state !== "done") this.#result[state] = this.#text();
    if (state !== "init" && next !== "done") fillIn(this.#result, state, next, this.#isSpecial);
    this.#state = next;
    this.#at += skip;
    this.#start = this.#at;
  }

  /** The text of the current component up to the current token. */
  #text(): string {
    return this.#points.slice(this.#tokenAt(this.#start).index, this.#tokenAt(this.#at).index).join("");
  }

  #tokenAt(index: number): Token {
    return this.#tokens[Math.min(index, this.#tokens.length - 1)] as Token;
  }

  #isChar(value: string, index = this.#at): boolean {
    const token = this.#tokenAt(index);
    return token.value === value && ["char", "escaped-char", "invalid-char"].includes(token.type);
  }

  #isSearch(): boolean {
    if (this.#isChar("?")) return true;
    if (this.#tokenAt(this.#at).value !== "?") return false;
    // A question mark behind a group is the group's modifier.
    return (
      this.#at === 0 || !["name", "regexp", "close", "asterisk"].includes(this.#tokenAt(this.#at - 1).type)
    );
  }
}

/** A component that is absent between two given components is empty, not a wildcard. */
function fillIn(result: PatternInit, from: State, to: State, isSpecial: boolean): void {
  const order = (state: State) => (state === "authority" ? 0.5 : COMPONENTS.indexOf(state as ComponentName));
  const isBetween = (name: ComponentName) => order(from) < order(name) && order(name) < order(to);
  if (isBetween("hostname")) result.hostname ??= "";
  if (isBetween("pathname")) result.pathname ??= isSpecial ? "/" : "";
  if (isBetween("search")) result.search ??= "";
}
