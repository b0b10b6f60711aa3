/**
 * Binds the methods of an object to it, as properties that are not enumerable. So `const { get } = env.KV` works. A proxy
 * and a copy of the prototype chain work as well, though neither has the private fields.
 */
export function bindMethods(object: object): void {
  const prototype: object = Object.getPrototypeOf(object);
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (typeof value !== "function" || name === "constructor") continue;
    Object.defineProperty(object, name, { value: value.bind(object), writable: true, configurable: true });
  }
}
