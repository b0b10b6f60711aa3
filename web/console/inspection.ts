/** The key of an object's own method for showing it. `console` honours it, as Node's does. */
const CUSTOM = Symbol.for("nodejs.util.inspect.custom");

interface InspectOptions {
  depth: number | null;
  breakLength: number;
}

export type Inspect = (value: unknown, options: InspectOptions) => string;

export interface Showing {
  /** Shown by the name of the object's own class, as events are. Default: by the name of the interface. */
  isNamedByClass?: boolean;
  /** Shown in full at any depth, as the classes of `fetch` are. */
  isAlwaysWhole?: boolean;
}

/**
 * Defines how `console` shows a platform object, whose fields are private. `fieldsOf` throws for an object that only has
 * the prototype. Names, fields and their order are Node's.
 */
export function showFields<T extends object>(
  Interface: { readonly prototype: T },
  name: string,
  fieldsOf: (self: T) => object,
  showing: Showing = {},
): void {
  showAs(
    Interface,
    name,
    (self, options, inspect) => {
      const { depth } = options;
      const isSame = showing.isAlwaysWhole === true || depth === null;
      return inspect(fieldsOf(self), { ...options, depth: isSame ? depth : depth - 1 });
    },
    showing,
  );
}

/** Like `showFields`, for an object whose text after the name is not a list of fields. */
export function showAs<T extends object>(
  { prototype }: { readonly prototype: T },
  ownName: string,
  textOf: (self: T, options: InspectOptions, inspect: Inspect) => string,
  { isNamedByClass, isAlwaysWhole }: Showing = {},
): void {
  const show = function (this: T, depth: number, options: InspectOptions, inspect: Inspect): string {
    const name = isNamedByClass === true ? this.constructor.name : ownName;
    if (depth < 0 && isAlwaysWhole !== true) return `[${name}]`;
    try {
      return `${name} ${textOf(this, options, inspect)}`;
    } catch {
      return `${name} {}`;
    }
  };
  Object.defineProperty(prototype, CUSTOM, { value: show, writable: true, configurable: true });
}

/** A stand-in to show for an object that does not exist yet, so that showing it does not create it. */
export function standIn(name: string, fields: object): object {
  const shown = {};
  showFields({ prototype: shown }, name, () => fields);
  return shown;
}
