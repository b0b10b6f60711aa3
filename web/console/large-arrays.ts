/**
 * node-inspect-extracted looks for what a list has beside its elements by listing all of its properties, elements
 * included: a log line with a list of ten million would cost more memory than an isolate has. It takes
 * `Object.getOwnPropertyDescriptors` when it is loaded: meanwhile that is one which sees nothing in large lists.
 */
const MAX_LENGTH = 10_000;

/** Loads the library. What user code has made of `Object.getOwnPropertyDescriptors` stays as it is. */
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
