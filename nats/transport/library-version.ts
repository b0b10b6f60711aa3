/** The version of `@nats-io/transport-node` whose insides the own transport was written for (private-shapes.test.ts). */
const WRITTEN_FOR = "3.4.0";

/** The methods that the own transport calls or overrides. */
const METHODS = ["_send", "connect", "dial", "peekInfo", "startTLS", "setupHandlers"];

export interface LibraryInsides {
  version: string;
  /** The prototype of its transport. */
  transport: object;
  /** The functions of its base that are used. */
  functions: Readonly<Record<string, unknown>>;
}

/** Says in which way the library differs from the one that the own transport was written for; undefined where it does not. */
export function findDifference({ version, transport, functions }: LibraryInsides): string | undefined {
  if (version !== WRITTEN_FOR)
    return `@nats-io/transport-node is ${version}, and the transport was written for ${WRITTEN_FOR}`;
  const methods = METHODS.filter((name) => typeof Reflect.get(transport, name) !== "function");
  const names = Object.keys(functions).filter((name) => typeof functions[name] !== "function");
  const [missing] = [...methods, ...names];
  return missing === undefined ? undefined : `@nats-io/transport-node ${version} has no ${missing}`;
}
