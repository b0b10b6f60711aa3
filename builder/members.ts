/** Finds the members of an expression's value: of an object, of a class, or of the result of a call. */
import { type Token, tokensFrom } from "./code-tokens.ts";

export interface Member {
  name: string;
  /** The offset of its name in the code. */
  at: number;
  /** A shorthand, as in `{ fetch }`. The value may be no function. */
  isShorthand: boolean;
}

/** An object or a class in an expression. `isArgument`: the called function decides about its use. */
export interface MemberGroup {
  members: Member[];
  isArgument: boolean;
}

/** A name in the expression: a variable, a class, a base class, or a spread value. */
export interface UsedName {
  name: string;
  isArgument: boolean;
}

interface Found {
  groups: MemberGroup[];
  names: UsedName[];
}

type Frame =
  | { kind: "members"; isClass: boolean; expectsName: boolean; group: MemberGroup }
  | { kind: "list"; isArgument: boolean }
  | { kind: "opaque" };

const CLOSERS = new Set(["}", ")", "]"]);
const PREFIXES = new Set(["async", "get", "set", "static", "*"]);
/** The beginnings of values that are no functions. */
const LITERAL = /^(?:["'`\d{[\-/!]|(?:true|false|null|void|undefined)$)/;
const NAME = /^[\p{ID_Start}$_]/u;
const KEYWORDS = new Set(["new", "extends", "async", "await", "class"]);

/** Whether the value at an index can be a function. */
export function canBeFunction(code: string, from: number): boolean {
  const [first] = tokensFrom(code, from);
  return first !== undefined && !LITERAL.test(first.text);
}

/** Reads the expression at an index. A function counts as a value without members. */
export function membersAt(code: string, from: number): Found {
  const found: Found = { groups: [], names: [] };
  const frames: Frame[] = [];
  const before = { text: "", isClass: false, isNew: false };
  // The result of the call has the members of its first argument, too.
  const isAssign = code.startsWith("Object.assign(", from);
  for (const token of tokensFrom(code, from)) {
    const { text } = token;
    const frame = frames.at(-1);
    if (frame === undefined && /^(?:[;,]|=>|function)$/.test(text)) break;
    if (frame?.kind === "members" && frame.expectsName) readMember(code, token, frame, found);
    else if (frame?.kind !== "opaque" && frame?.kind !== "members" && isOwnName(code, token, before.text)) {
      found.names.push({ name: text, isArgument: frame?.isArgument === true });
    }
    if (text === "class") before.isClass = true;
    if (text === "new") before.isNew = true;
    if (text === "{" || text === "(" || text === "[") {
      const next = frameOf(text, frame, before, isAssign);
      if (next.kind === "members") found.groups.push(next.group);
      frames.push(next);
      if (text === "(") before.isNew = false;
      else before.isClass = false;
    } else if (CLOSERS.has(text)) {
      frames.pop();
      if (frame === undefined || (frames.length === 0 && frame.kind === "members")) break;
      const outer = frames.at(-1);
      if (outer?.kind === "members" && outer.isClass) outer.expectsName = true;
    } else if (frame?.kind === "members" && (text === "," || (frame.isClass && text === ";"))) {
      frame.expectsName = true;
    }
    before.text = text;
  }
  return found;
}

/** Whether a name is a value of its own: no member (`a.b`), and no called function (`f()`), except in `new F()`. */
function isOwnName(code: string, { text, at }: Token, before: string): boolean {
  if (!NAME.test(text) || before === "." || KEYWORDS.has(text)) return false;
  const next = /^\s*(.)/u.exec(code.slice(at + text.length, at + text.length + 100))?.[1];
  return next !== "." && (next !== "(" || before === "new");
}

function frameOf(
  text: string,
  outer: Frame | undefined,
  before: { text: string; isClass: boolean; isNew: boolean },
  isAssign: boolean,
): Frame {
  const isBody = before.text === "=>" || (before.text === ")" && text === "{" && !before.isClass);
  if (isBody || text === "[" || (outer !== undefined && outer.kind !== "list")) return { kind: "opaque" };
  if (text === "(") {
    if (before.isNew) return { kind: "opaque" };
    const isCall = NAME.test(before.text) || before.text === ")";
    return { kind: "list", isArgument: outer?.isArgument === true || (isCall && !isAssign) };
  }
  const group: MemberGroup = { members: [], isArgument: outer?.isArgument === true };
  return { kind: "members", isClass: before.isClass, expectsName: true, group };
}

function readMember(code: string, token: Token, frame: Frame & { kind: "members" }, found: Found): void {
  const { text, at } = token;
  const [, next, value] = tokensFrom(code, at).take(3);
  if (next === undefined || text === "}" || text === ";") return;
  if (PREFIXES.has(text) && !/^[(:=,;}]$/.test(next.text)) return;
  frame.expectsName = false;
  if (text === "...") {
    if (NAME.test(next.text)) found.names.push({ name: next.text, isArgument: frame.group.isArgument });
    return;
  }
  const isShorthand = next.text === "," || next.text === "}";
  const hasValue = next.text === ":" || next.text === "=";
  const isFunction = next.text === "(" || (hasValue && value !== undefined && canBeFunction(code, value.at));
  if (!isFunction && !isShorthand) return;
  frame.group.members.push({ name: text.replace(/^["']|["']$/g, ""), at, isShorthand });
}
