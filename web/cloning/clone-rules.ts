/**
 * The rules of cloning, by prototype. The language's own kinds (clone-kinds.ts) and the platform's classes register their
 * rules here.
 */

/** Clones a part of the value. */
export type ClonePart = (value: unknown) => unknown;

export interface CloneRule<T extends object = object> {
  /** False for an object that only has the prototype, without the fields. */
  is(value: object): value is T;
  /** Without it, the object cannot be cloned. */
  clone?(value: T, part: ClonePart): object;
  /** Why this object cannot be transferred now, although its kind can: it is locked, or was transferred before. */
  refuseTransfer?(value: T): string | undefined;
  /** Moves the contents to a new object. Without it, the object cannot be transferred. */
  transfer?(value: T): object;
}

const rules = new Map<object, CloneRule>();

/** Registers how instances of a platform class are cloned and transferred. */
export function registerCloneRule<T extends object>(prototype: object, rule: CloneRule<T>): void {
  rules.set(prototype, rule as unknown as CloneRule);
}

/** Registers that instances of a platform class cannot be cloned, unless the class already has a rule. */
export function refuseCloning(prototype: object): void {
  if (!rules.has(prototype)) rules.set(prototype, { is: (value): value is object => value !== prototype });
}

/** The rule for an object, and the prototype that has the rule. */
export function cloneRuleOf(value: object): { rule: CloneRule; prototype: object } | undefined {
  let prototype: object | null = Object.getPrototypeOf(value);
  for (; prototype !== null && prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype)) {
    const rule = rules.get(prototype);
    if (rule?.is(value)) return { rule, prototype };
  }
  return undefined;
}
