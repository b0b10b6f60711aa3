/**
 * Finds handlers that other platforms call and narun does not, and handlers whose trigger narun.yaml does not name. A function with such a handler builds and goes live, and the
 * handler never runs. The bundle is searched, because names at its top level are unique.
 */
import { type FunctionConfig, triggersOf } from "../contracts/index.ts";
import { type BundleMessage, createMessage } from "./bundle-message.ts";
import { canBeFunction, type Member, membersAt } from "./members.ts";
import { type BundledCode, createSourceFinder } from "./source-places.ts";

/** Handlers of other platforms. */
const UNCALLED = new Set(["scheduled", "queue", "email", "tail", "trace", "message"]);

const HINT =
  "narun calls `fetch` of the default export, a default function, or the exported functions GET, POST and so on: let a request do this work, or remove the handler";

/** The keys of narun.yaml by which narun calls handlers. */
const KEYS: Readonly<Record<string, "schedule" | "consume" | "subscribe">> = {
  scheduled: "schedule",
  queue: "consume",
  message: "subscribe",
};

/** A warning for each uncalled handler, at its place in the source. */
export function findUncalledHandlers(bundle: BundledCode, config: FunctionConfig): BundleMessage[] {
  const called = triggersOf(config);
  return findHandlers(bundle, config.name, ({ name }) => !called.some((one) => one === name));
}

function findHandlers(
  bundle: BundledCode,
  name: string,
  isUncalled: (member: Member) => boolean,
): BundleMessage[] {
  const code = Buffer.from(bundle.code).toString();
  const exported = exportsOf(code);
  const named = [...exported].flatMap(([handler, local]) => {
    if (!UNCALLED.has(handler) || !isFunction(code, local)) return [];
    return [{ name: handler, at: declarationOf(code, local) ?? 0, isShorthand: false }];
  });
  const found = [...named, ...membersOfDefault(code, exported.get("default"))].filter(isUncalled);
  const unique = new Map(found.map((member) => [`${member.name} ${member.at}`, member]));
  if (unique.size === 0) return [];
  const findSource = createSourceFinder(code, bundle.sourceMap);
  return [...unique.values()].map((member) =>
    createMessage("uncalled-handler", {
      text: `nothing calls the handler ${JSON.stringify(member.name)} of the function ${name}`,
      hint: hintFor(member.name),
      location: findSource(member.at, member.name),
    }),
  );
}

function hintFor(handler: string): string {
  const key = KEYS[handler];
  return key === undefined
    ? HINT
    : `narun.yaml has no \`${key}\`: add it, or call the handler by \`narun invoke NAME --trigger\``;
}

/** The exports of the bundle, and their names inside it. */
function exportsOf(code: string): Map<string, string> {
  const list = /export\s*\{([^{}]*)\};?\s*$/.exec(code)?.[1] ?? "";
  return new Map(
    list.split(",").flatMap((entry) => {
      const [local = "", outside = local] = entry.trim().split(/\s+as\s+/);
      return local === "" ? [] : [[outside, local] as const];
    }),
  );
}

/** The members of the default export that nothing calls. */
function membersOfDefault(code: string, local: string | undefined): Member[] {
  const start = local === undefined ? /export default /.exec(code) : undefined;
  const at = local === undefined ? start && start.index + start[0].length : declarationOf(code, local);
  if (at === undefined || at === null) return [];
  return readValue(code, at, { isArgument: false, seen: new Set() });
}

interface Reading {
  isArgument: boolean;
  seen: Set<number>;
  /** The name of the value. Later statements may set members of it. */
  name?: string;
}

function readValue(code: string, at: number, { isArgument, seen, name }: Reading): Member[] {
  if (seen.has(at)) return [];
  seen.add(at);
  const { groups, names } = membersAt(code, at);
  const own = groups.flatMap((group) => {
    // An argument of a call counts as handlers only if it has a fetch.
    const isPassed = isArgument || group.isArgument;
    return isPassed && !group.members.some((member) => member.name === "fetch") ? [] : group.members;
  });
  const called = own.filter((member) => UNCALLED.has(member.name));
  const functions = called.filter((member) => !member.isShorthand || isFunction(code, member.name));
  const others = names.flatMap((used) => {
    const declared = declarationOf(code, used.name);
    const reading = { isArgument: isArgument || used.isArgument, seen, name: used.name };
    return declared === undefined ? [] : readValue(code, declared, reading);
  });
  const required = readRequired(code, at, seen);
  return [...functions, ...(name === undefined ? [] : assignedTo(code, name)), ...others, ...required];
}

/** `require_index()`, or `import_worker.default`, which is `__toESM(require_worker())`. */
function readRequired(code: string, at: number, seen: Set<number>): Member[] {
  const start = code.slice(at, at + 200);
  const imported = /^([\w$]+)\.default\b/.exec(start)?.[1];
  const declared = imported === undefined ? undefined : declarationOf(code, imported);
  if (declared !== undefined) return readRequired(code, declared, seen);
  const module = /^(?:__toESM\()?(require_[\w$]+)\(\)/.exec(start)?.[1];
  return module === undefined ? [] : readCommonJs(code, module, seen);
}

/** The module as the bundler wraps it: `require_index=__commonJS({"index.js"(exports,module){…}})`. */
function readCommonJs(code: string, name: string, seen: Set<number>): Member[] {
  const at = declarationOf(code, name);
  if (at === undefined) return [];
  const text = code.slice(at);
  const [head = "", exports = "exports", module = "module"] =
    /^__commonJS\(\{\s*"[^"]*"\(([\w$]+)(?:,\s*([\w$]+))?\)\s*\{/.exec(text) ?? [];
  const end = text.search(/\}\s*\}\);?/);
  const body = text.slice(head.length, end === -1 ? undefined : end);
  const whole = new RegExp(
    `(?<![\\w$.])(?:${RegExp.escape(module)}\\.exports|${RegExp.escape(exports)}\\.default)\\s*=`,
  ).exec(body);
  const assigned = assignedTo(body, exports).map((member) => ({
    ...member,
    at: member.at + at + head.length,
  }));
  if (whole === null) return assigned;
  const start = at + head.length + whole.index + whole[0].length;
  return [...assigned, ...readValue(code, start, { isArgument: false, seen })];
}

/** `worker.scheduled = …` */
function assignedTo(code: string, name: string): Member[] {
  const pattern = new RegExp(
    `(?<![\\w$.])${RegExp.escape(name)}\\.(${[...UNCALLED].join("|")})\\s*=(?!=)`,
    "g",
  );
  return [...code.matchAll(pattern)].flatMap((match) =>
    canBeFunction(code, match.index + match[0].length)
      ? [{ name: match[1] ?? "", at: match.index + name.length + 1, isShorthand: false }]
      : [],
  );
}

function isFunction(code: string, local: string): boolean {
  const at = declarationOf(code, local);
  return at !== undefined && canBeFunction(code, at);
}

/** The index of the value of a top-level name: behind its `=`, or at `class` or `function`. */
function declarationOf(code: string, name: string): number | undefined {
  const before = `(?<![\\w$.])`;
  const own = `${RegExp.escape(name)}(?![\\w$])`;
  const pattern = new RegExp(
    `${before}(?:(?:async\\s+)?function\\s*\\*?\\s*${own}|class\\s+${own}|${own}\\s*=(?![=>])\\s*)`,
  );
  const match = pattern.exec(code);
  if (match === null) return undefined;
  return /^(?:async|function|class)\b/.test(match[0]) && !match[0].includes("=")
    ? match.index
    : match.index + match[0].length;
}
