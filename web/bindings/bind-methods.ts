/**
 * Gives an object methods of its own that know it: `const { get } = env.KV` works, and so does a proxy or a copy of the
 * prototype chain, which would not have the private fields. None of them is listed or shown.
 */
export function bindMethods(object: object): void {
  const prototype: object = Object.getPrototypeOf(object);
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (typeof value !== "function" || name === "constructor") continue;
    Object.defineProperty(object, name, { value: value.bind(object), writable: true, configurable: true });
  }
}
