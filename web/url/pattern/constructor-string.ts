/** A pattern for a whole URL taken apart into its components (URL Pattern standard, "Constructor string parsing"). */
import { compileProtocol, matchesSpecialScheme } from "./component.ts";
import { COMPONENTS, type ComponentName, type PatternInit } from "./init.ts";
import { type Token, tokenize } from "./tokenize.ts";

type State = "init" | "authority" | "done" | ComponentName;

/**
 * The standard's state machine: `at` is the token that is looked at, `start` where the component of the state begins;
 * a change of state says itself where to go on.
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function parseConstructorString(input: string): PatternInit {
  const points = Array.from(input);
  const tokens = tokenize(points, false);
  const result: PatternInit = {};
  let [state, start, at, groupDepth, bracketDepth]: [State, number, number, number, number] = [
    "init",
    0,
    0,
    0,
    0,
  ];
  let isSpecial = false;

  const tokenAt = (index: number) => tokens[Math.min(index, tokens.length - 1)] as Token;
  const isChar = (value: string, index = at) => {
    const token = tokenAt(index);
    return token.value === value && ["char", "escaped-char", "invalid-char"].includes(token.type);
  };
  const isSearch = () => {
    if (isChar("?")) return true;
    if (tokenAt(at).value !== "?") return false;
    // Behind a group it is the group's modifier.
    return at === 0 || !["name", "regexp", "close", "asterisk"].includes(tokenAt(at - 1).type);
  };
  const text = () => points.slice(tokenAt(start).index, tokenAt(at).index).join("");
  const rewind = (next: State) => {
    state = next;
    at = start;
  };
  const change = (next: State, skip: number) => {
    if (state !== "init" && state !== "authority" && state !== "done") result[state] = text();
    if (state !== "init" && next !== "done") fillIn(result, state, next, isSpecial);
    state = next;
    at += skip;
    start = at;
  };
  /** The beginning of what may follow the host, or a step on. */
  const leave = (...prefixes: ("/" | "?" | "#")[]) => {
    if (prefixes.includes("/") && isChar("/")) change("pathname", 0);
    else if (prefixes.includes("?") && isSearch()) change("search", 1);
    else if (isChar("#")) change("hash", 1);
    else at++;
  };

  while (at < tokens.length) {
    const { type } = tokenAt(at);
    if (type === "end") {
      if (state === "init") {
        rewind("init");
        if (isChar("#")) change("hash", 1);
        else if (isSearch()) change("search", 1);
        else change("pathname", 0);
        continue;
      }
      if (state === "authority") {
        rewind("hostname");
        continue;
      }
      change("done", 0);
      break;
    }
    if (type === "open") groupDepth++;
    if (groupDepth > 0) {
      if (type === "close") groupDepth--;
      if (type !== "close" || groupDepth > 0) {
        at++;
        continue;
      }
    }
    switch (state as State) {
      case "init":
        if (isChar(":")) rewind("protocol");
        else at++;
        break;
      case "protocol":
        if (isChar(":")) {
          isSpecial = matchesSpecialScheme(compileProtocol(text()));
          const hasSlashes = isChar("/", at + 1) && isChar("/", at + 2);
          change(hasSlashes || isSpecial ? "authority" : "pathname", hasSlashes ? 3 : 1);
        } else at++;
        break;
      case "authority":
        if (isChar("@")) rewind("username");
        else if (isChar("/") || isSearch() || isChar("#")) rewind("hostname");
        else at++;
        break;
      case "username":
        if (isChar(":")) change("password", 1);
        else if (isChar("@")) change("hostname", 1);
        else at++;
        break;
      case "password":
        if (isChar("@")) change("hostname", 1);
        else at++;
        break;
      case "hostname":
        if (isChar("[")) bracketDepth++;
        else if (isChar("]")) bracketDepth--;
        if (isChar(":") && bracketDepth === 0) change("port", 1);
        else leave("/", "?", "#");
        break;
      case "port":
        leave("/", "?", "#");
        break;
      case "pathname":
        leave("?", "#");
        break;
      case "search":
        leave("#");
        break;
      case "hash":
      case "done":
        at++;
    }
  }
  // A host without a port is on the default port, not on any.
  if (result.hostname !== undefined && result.port === undefined) result.port = "";
  return result;
}

/** What lies between two components and is not there is empty, not a wildcard. */
function fillIn(result: PatternInit, from: State, to: State, isSpecial: boolean): void {
  const order = (state: State) => (state === "authority" ? 0.5 : COMPONENTS.indexOf(state as ComponentName));
  const isBetween = (name: ComponentName) => order(from) < order(name) && order(name) < order(to);
  if (isBetween("hostname")) result.hostname ??= "";
  if (isBetween("pathname")) result.pathname ??= isSpecial ? "/" : "";
  if (isBetween("search")) result.search ??= "";
}
