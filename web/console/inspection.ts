/** The key under which an object says how it is shown; `console` honours it, as Node's does. */
const CUSTOM = Symbol.for("nodejs.util.inspect.custom");

interface InspectOptions {
  depth: number | null;
  breakLength: number;
}

export type Inspect = (value: unknown, options: InspectOptions) => string;

export interface Showing {
  /** Called by the name of its own class, as an event is; otherwise by the interface's. */
  isNamedByClass?: boolean;
  /** Shown however deep it lies, as what `fetch` has is. */
  isAlwaysWhole?: boolean;
}

/**
 * Says what `console` shows of a platform object, whose fields are private: `fieldsOf` throws for an object that is none,
 * such as what has only the prototype. Names, fields and their order are those that Node shows.
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

/** As `showFields`, where the text behind the name is not that of an object. */
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

/** What is shown in the place of an object that there is no need to make. */
export function standIn(name: string, fields: object): object {
  const shown = {};
  showFields({ prototype: shown }, name, () => fields);
  return shown;
}
