import { type Given, NOT_GIVEN, type Option } from "./option.ts";
import { type Address, parseAddress } from "./values.ts";

const DEFAULT_ADDRESS = "127.0.0.1:9229";

/** `--inspect` of `narun dev`. Its value is optional, so `splitInspect` reads it together with the argument. */
export const inspect: Option<Given | undefined> = {
  flag: "--inspect [address]",
  variables: [],
  help: `HOST:PORT where debuggers attach to the functions; limits are raised meanwhile; without a value: ${DEFAULT_ADDRESS}`,
  isRepeatable: false,
  isHidden: false,
  show: ({ texts }) => texts[0] ?? DEFAULT_ADDRESS,
  read: (given) => given,
};

/**
 * Divides `--inspect [HOST:PORT]` from the command's own argument. A text behind the flag that is no address is the
 * argument. Error: USAGE.
 */
export function splitInspect(
  given: Given | undefined,
  dir: string | undefined,
): { address: Address | undefined; dir: string | undefined } {
  if (given === undefined) return { address: undefined, dir };
  const [text] = given.texts;
  const isArgument = text !== undefined && dir === undefined && !/:\d{1,5}$/.test(text);
  const address = isArgument || text === undefined ? DEFAULT_ADDRESS : text;
  return {
    address: parseAddress({ text: address, source: { ...NOT_GIVEN, name: "--inspect" } }),
    dir: isArgument ? text : dir,
  };
}
