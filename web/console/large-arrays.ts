/**
 * node-inspect-extracted finds the properties of a list by listing all of them, elements included: a log line with a list
 * of ten million would need more memory than an isolate has. The library reads `Object.getOwnPropertyDescriptors` when it
 * is loaded. It then gets a function that finds no properties in large lists.
 */
const MAX_LENGTH = 10_000;

/** Loads the library. A change of `Object.getOwnPropertyDescriptors` by user code stays in force. */
export function withoutLargeLists<T>(load: () => T): T {
  const original = Object.getOwnPropertyDescriptors;
  const limited = (value: object) => (isLargeList(value) ? {} : original(value));
  Object.getOwnPropertyDescriptors = limited as typeof original;
  try {
    return load();
  } finally {
    Object.getOwnPropertyDescriptors = original;
  }
}

function isLargeList(value: unknown): boolean {
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  return isList && (value as unknown as ArrayLike<unknown>).length > MAX_LENGTH;
}
