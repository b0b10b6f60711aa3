/**
 * Resolves options once, at the start of a command: flag, else environment, else file, else default. The result is frozen.
 * All faults are reported in one error.
 */
import { isNarunError, NarunError } from "../../contracts/index.ts";
import { type FileTexts, type Given, NOT_GIVEN, type Option, type Options } from "./option.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The texts behind the flags of a command line, by the names of the declarations. */
export type Flags = Readonly<Record<string, readonly string[] | undefined>>;

/** A resolved option. */
export interface Setting<Value> {
  readonly value: Value;
  /** Undefined where there is neither a text nor a default. */
  readonly given: Given | undefined;
}

export type Settings<Declared extends Options> = {
  readonly [name in keyof Declared]: Setting<ValueOf<Declared[name]>>;
};

export type Values<Declared extends Options> = {
  readonly [name in keyof Declared]: ValueOf<Declared[name]>;
};

type ValueOf<Declared> = Declared extends Option<infer Value> ? Value : never;

/** Error: USAGE, which names every wrong setting. */
export async function resolveOptions<Declared extends Options>(
  declared: Declared,
  flags: Flags,
  environment: Environment,
): Promise<Settings<Declared>> {
  const settings: Record<string, Setting<unknown>> = {};
  const faults: string[] = [];
  let file: File = { name: "", texts: {} };
  const entries = Object.entries(declared);
  // An option that is a file of other options is read before them.
  for (const [name, option] of entries.toSorted(([, a], [, b]) => Number(isFile(b)) - Number(isFile(a)))) {
    const given = givenOf(name, option, { flags, environment, file });
    try {
      const value = await option.read(given);
      settings[name] = Object.freeze({ value, given });
      if (option.texts !== undefined) file = { name: given?.texts[0] ?? "", texts: option.texts(value) };
    } catch (error) {
      if (!isNarunError(error, "USAGE")) throw error;
      faults.push(String(error.fields.detail));
    }
  }
  if (faults.length > 0) throw new NarunError("USAGE", { detail: faults.join("; ") });
  return Object.freeze(settings) as Settings<Declared>;
}

/** The values alone. */
export function valuesOf<Declared extends Options>(settings: Settings<Declared>): Values<Declared> {
  const entries = Object.entries(settings as Settings<Options>);
  return Object.freeze(
    Object.fromEntries(entries.map(([name, { value }]) => [name, value])),
  ) as Values<Declared>;
}

/** The command line that gives another `narun` the flags of this one. */
export function flagArguments(declared: Options, settings: Settings<Options>): string[] {
  return Object.entries(declared).flatMap(([name, option]) => {
    const given = settings[name]?.given;
    if (given?.source.kind !== "flag") return [];
    const flag = flagName(option);
    return given.texts.length === 0 ? [flag] : given.texts.flatMap((text) => [flag, text]);
  });
}

/** `--http` of `--http <address>`; the first variable of an option without a flag. */
export function flagName({ flag, variables }: Option<unknown>): string {
  return /--[a-z-]+/.exec(flag ?? "")?.[0] ?? variables[0] ?? "";
}

interface File {
  name: string;
  texts: FileTexts;
}

interface Layers {
  flags: Flags;
  environment: Environment;
  file: File;
}

function givenOf(name: string, option: Option<unknown>, layers: Layers): Given | undefined {
  const { flags, environment, file } = layers;
  const texts = flags[name];
  const isAbsent = texts === undefined || (option.ignoresEmpty === true && texts.join("") === "");
  if (!isAbsent) return { texts, source: { kind: "flag", name: flagName(option) } };
  const variable = option.variables.find((one) => (environment[one] ?? "") !== "");
  if (variable !== undefined) {
    const text = environment[variable] ?? "";
    return {
      texts: option.isRepeatable ? splitList(text) : [text],
      source: { kind: "variable", name: variable },
    };
  }
  const inFile = file.texts[name];
  if (inFile !== undefined)
    return { texts: [inFile], source: { kind: "file", name: `${file.name} (for ${flagName(option)})` } };
  return option.fallback === undefined ? undefined : { texts: [option.fallback], source: NOT_GIVEN };
}

function isFile({ texts }: Option<unknown>): boolean {
  return texts !== undefined;
}

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}
