/**
 * The declaration of one option: its flag, its environment variables, its default, its help text and how its value is
 * read. Help, docs/cli.md and the check of variables derive from the declarations.
 */

/** Where a value comes from, and how that place is named to people: `--http`, `NARUN_SANDBOX`, `config.yaml`. */
export interface Source {
  kind: "flag" | "variable" | "file" | "default";
  name: string;
}

/** The texts of an option, as they were given. A flag without a value has none. */
export interface Given {
  texts: readonly string[];
  source: Source;
}

/** One text of an option, and its place. */
export interface GivenText {
  text: string;
  source: Source;
}

/** Texts of other options, by the names of their declarations. */
export type FileTexts = Readonly<Record<string, string | undefined>>;

export interface Option<Value> {
  /** As in the help: `-f, --follow`, `--http <address>`. Default: the option has variables only. */
  readonly flag?: string | undefined;
  /** The first that is set and not empty counts. */
  readonly variables: readonly string[];
  readonly help: string;
  /** The content of the variables where it differs from the flag's: "the token itself". */
  readonly variableHelp?: string | undefined;
  /** Default, as a user would write it. */
  readonly fallback?: string | undefined;
  /** The default in words, where a part of narun computes it. */
  readonly fallbackHelp?: string | undefined;
  /** The flag may be given more than once; a variable separates values with commas. */
  readonly isRepeatable: boolean;
  /** An empty flag is absent, as an empty variable is. Default: an empty flag is a value. */
  readonly ignoresEmpty?: boolean | undefined;
  /** Absent from help and docs. */
  readonly isHidden: boolean;
  /** The texts as `narun config` shows them. */
  show(given: Given): string;
  /** Reads the value. Error: USAGE, which names the source. */
  read(given: Given | undefined): Value | Promise<Value>;
  /** The value is a file with the texts of other options. They count after the environment and before the defaults. */
  texts?(value: Value): FileTexts;
}

/** The options of a command, by the names under which it reads their values. */
export type Options = Readonly<Record<string, Option<unknown>>>;

type Description = Partial<
  Pick<
    Option<unknown>,
    "flag" | "variables" | "variableHelp" | "fallbackHelp" | "ignoresEmpty" | "isHidden" | "show"
  >
> & {
  help: string;
};

/** An option with one value. */
export interface ValueDescription<Value> extends Description {
  fallback?: string;
  parse(given: GivenText): Value | Promise<Value>;
  texts?(value: Value | undefined): FileTexts;
}

/** Declares an option with one value; undefined where neither the user nor a default gives one. */
export function value<Value>(description: ValueDescription<Value> & { fallback: string }): Option<Value>;
export function value<Value>(description: ValueDescription<Value>): Option<Value | undefined>;
export function value<Value>(description: ValueDescription<Value>): Option<Value | undefined> {
  const { parse, ...rest } = description;
  return {
    ...complete(rest),
    read: (given) => {
      if (given === undefined) return undefined;
      return parse({ text: given.texts[0] ?? "", source: given.source });
    },
  };
}

/** An option that may be given more than once. `parse` is also called without values. */
export interface ListDescription<Value> extends Description {
  parse(texts: readonly string[], source: Source): Value;
}

/** Declares an option with a list of values. */
export function list<Value>({ parse, ...rest }: ListDescription<Value>): Option<Value> {
  return {
    ...complete(rest),
    isRepeatable: true,
    read: (given) => parse(given?.texts ?? [], given?.source ?? NOT_GIVEN),
  };
}

/** Declares a flag without a value. */
export function toggle(description: Description): Option<boolean> {
  return { ...complete(description), read: (given) => given !== undefined };
}

/** The text itself. */
export function asText({ text }: GivenText): string {
  return text;
}

/** The source of a value that is absent. */
export const NOT_GIVEN: Source = { kind: "default", name: "default" };

function complete<Rest extends Description>(description: Rest) {
  const { variables = [], isHidden = false, show = showTexts } = description;
  return { ...description, variables, isHidden, show, isRepeatable: false };
}

function showTexts({ texts }: Given): string {
  return texts.length === 0 ? "yes" : texts.join(",");
}
