/** The key under which an object says how it is shown; `console` honours it, as Node's does. */
const CUSTOM = Symbol.for("nodejs.util.inspect.custom");

interface InspectOptions {
  depth: number | null;
}

type Inspect = (value: unknown, options: InspectOptions) => string;

/**
 * Says what `console` shows of a platform object, whose fields are private: `fieldsOf` throws for an object that is none,
 * such as what has only the prototype.
 */
export function showFields<T extends object>(
  { prototype }: { readonly prototype: T },
  name: string,
  fieldsOf: (self: T) => object,
): void {
  const show = function (this: T, depth: number, options: InspectOptions, inspect: Inspect): string {
    if (depth < 0) return `[${name}]`;
    const deeper = options.depth === null ? null : options.depth - 1;
    try {
      return `${name} ${inspect(fieldsOf(this), { ...options, depth: deeper })}`;
    } catch {
      return `${name} {}`;
    }
  };
  Object.defineProperty(prototype, CUSTOM, { value: show, writable: true, configurable: true });
}
