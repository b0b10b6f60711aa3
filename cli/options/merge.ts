import type { Option, Options } from "./option.ts";

/**
 * The options of several commands. An option with different defaults has no default here, but names them in words. The first
 * of several options with the same variables is kept.
 */
export function mergeOptions(all: readonly Options[]): Options {
  const byName = Map.groupBy(
    all.flatMap((options) => Object.entries(options)),
    ([name]) => name,
  );
  const merged = [...byName].flatMap(([name, entries]): [string, Option<unknown>][] => {
    const [first, ...others] = entries.map(([, option]) => option);
    return first === undefined ? [] : [[name, withDefaults(first, others)]];
  });
  const isFirst = ([, option]: [string, Option<unknown>]) =>
    option.variables.length === 0 || merged.find(([, other]) => readsSame(other, option))?.[1] === option;
  return Object.fromEntries(merged.filter(isFirst));
}

function withDefaults(first: Option<unknown>, others: readonly Option<unknown>[]): Option<unknown> {
  const fallbacks = new Set([first, ...others].map(({ fallback }) => fallback));
  if (fallbacks.size < 2) return first;
  return { ...first, fallback: undefined, fallbackHelp: [...fallbacks].join(" or ") };
}

function readsSame({ variables }: Option<unknown>, other: Option<unknown>): boolean {
  return variables.join() === other.variables.join();
}
