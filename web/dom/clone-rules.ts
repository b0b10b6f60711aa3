/**
 * How objects are cloned, by prototype: the language's own kinds (clone-kinds.ts) and those of the platform, which
 * register theirs here.
 */

/** Clones a part of what is being cloned. */
export type ClonePart = (value: unknown) => unknown;

export interface CloneRule<T extends object = object> {
  /** False for what only looks like one by its prototype: it has not the fields. */
  is(value: object): value is T;
  /** Without it such an object cannot be cloned. */
  clone?(value: T, part: ClonePart): object;
  /** Why one cannot be transferred now, though its kind can: it was before, or it is locked. */
  refuseTransfer?(value: T): string | undefined;
  /** Moves what is behind it to a new object; without it such an object cannot be transferred. */
  transfer?(value: T): object;
}

const rules = new Map<object, CloneRule>();

/** Says how instances of a class of the platform are cloned and transferred. */
export function registerCloneRule<T extends object>(prototype: object, rule: CloneRule<T>): void {
  rules.set(prototype, rule as unknown as CloneRule);
}

/** Says that instances of a class of the platform cannot be cloned, unless it has registered how. */
export function refuseCloning(prototype: object): void {
  if (!rules.has(prototype)) rules.set(prototype, { is: (value): value is object => value !== prototype });
}

/** The rule for an object, and the prototype that it was found by. */
export function cloneRuleOf(value: object): { rule: CloneRule; prototype: object } | undefined {
  let prototype: object | null = Object.getPrototypeOf(value);
  for (; prototype !== null && prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype)) {
    const rule = rules.get(prototype);
    if (rule?.is(value)) return { rule, prototype };
  }
  return undefined;
}
