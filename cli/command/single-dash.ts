import type { Options } from "../options/option.ts";

/**
 * The long flags of the options with one dash, as Go's programs take them, with two: `-config F`, `-config=F`. Arguments
 * after `--` stay.
 */
export function acceptSingleDashes(args: readonly string[], options: Options): string[] {
  const names = new Set(
    Object.values(options).flatMap(({ flag }) => /--([a-z-]+)/.exec(flag ?? "")?.[1] ?? []),
  );
  const end = args.indexOf("--");
  return args.map((arg, index) => {
    const name = /^-([a-z][a-z-]+)(?:=|$)/.exec(arg)?.[1];
    const isPlain = end !== -1 && index > end;
    return name !== undefined && names.has(name) && !isPlain ? `-${arg}` : arg;
  });
}
