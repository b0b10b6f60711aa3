/**
 * `structuredClone` of HTML. It runs inside the isolate, from object to object: a round trip through the host would put user
 * code's data into the host's memory, and the host cannot clone the platform's own classes.
 *
 * I1  Each part is read once, in the standard's order. Getters and proxies may run user code meanwhile.
 * I2  Nothing is transferred before all is cloned: after a failure every buffer is in its place. A `Later` holds the place
 *     of a reference to a transferred object, and is replaced at the end.
 */

import { isProxy } from "../console/proxies.ts";
import { DOMException } from "../dom/dom-exception.ts";
import { isObject, requireArguments, toDictionary, toSequence } from "../webidl/webidl.ts";
import { cloneArrayBuffer, isArrayBuffer, type ViewShape, viewShapeOf } from "./clone-buffers.ts";
import { elementsOfSet, entriesOfMap, isMap, isOfLateKind, isSet } from "./clone-kinds.ts";
import { cloneRuleOf } from "./clone-rules.ts";

/** Holds the place of an object that exists only after the transfer. */
class Later {
  readonly #make: () => object;
  #made: object | undefined;

  constructor(make: () => object) {
    this.#make = make;
  }

  get value(): object {
    this.#made ??= this.#make();
    return this.#made;
  }
}

export interface Cloned {
  value: unknown;
  /** The transferred objects, in the order of the list. */
  transferred: object[];
}

/** StructuredSerializeWithTransfer and StructuredDeserializeWithTransfer in one. */
export function cloneWithTransfer(value: unknown, transfer: readonly unknown[]): Cloned {
  const cloning = new Cloning(transfer);
  const copy = cloning.copy(value);
  const transferred = cloning.finish(transfer as object[]);
  return { value: copy instanceof Later ? copy.value : copy, transferred };
}

export function structuredClone(value: unknown, options: unknown = undefined): unknown {
  requireArguments(arguments.length, 1, "structuredClone");
  const { transfer } = toDictionary(options, "structuredClone: the options");
  return cloneWithTransfer(value, toTransferList(transfer)).value;
}

/** `sequence<object>`, by default empty. */
export function toTransferList(value: unknown): object[] {
  if (value === undefined) return [];
  const list = [...toSequence(value, "The transfer list")];
  if (!list.every(isObject)) throw new TypeError("The transfer list has a value that is not an object");
  return list as object[];
}

class Cloning {
  readonly #copies = new Map<object, unknown>();
  /** The actions after the transfer, in order. */
  readonly #afterTransfer: (() => void)[] = [];

  constructor(transfer: readonly unknown[]) {
    for (const value of transfer as object[]) {
      const rule = isArrayBuffer(value) ? undefined : cloneRuleOf(value)?.rule;
      if (!isArrayBuffer(value) && rule?.transfer === undefined) throw cannot(value, "be transferred");
      if (this.#copies.has(value)) throw failure("The transfer list has the same object twice");
      const move = rule?.transfer;
      this.#copies.set(
        value,
        new Later(() => (move === undefined ? (value as ArrayBuffer).transfer() : move(value))),
      );
    }
  }

  /** Transfers the objects, and replaces each `Later` by its object. */
  finish(transfer: readonly object[]): object[] {
    for (const value of transfer) {
      const why = isArrayBuffer(value)
        ? value.detached && "An ArrayBuffer that is detached cannot be transferred"
        : cloneRuleOf(value)?.rule.refuseTransfer?.(value);
      if (why) throw failure(why);
    }
    const transferred = transfer.map((value) => (this.#copies.get(value) as Later).value);
    for (const act of this.#afterTransfer) act();
    return transferred;
  }

  /** The copy of a value, or the `Later` that holds its place. */
  copy(value: unknown): unknown {
    if (typeof value === "symbol") throw failure("A symbol cannot be cloned");
    if (!isObject(value)) return value;
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    if (typeof value === "function") throw failure("A function cannot be cloned");
    if (isProxy(value)) throw failure("A proxy cannot be cloned");
    if (Array.isArray(value)) return this.#copyArray(value);
    if (Object.getPrototypeOf(value) === Object.prototype) return this.#copyObject(value);
    if (ArrayBuffer.isView(value)) return this.#remember(value, this.#copyView(value));
    if (isMap(value)) return this.#copyMap(value);
    if (isSet(value)) return this.#copySet(value);
    if (isArrayBuffer(value)) return this.#remember(value, cloneArrayBuffer(value));
    const rule = cloneRuleOf(value)?.rule;
    if (rule === undefined && !isOfLateKind(value)) return this.#copyObject(value);
    if (rule?.clone === undefined) throw cannot(value, "be cloned");
    return this.#remember(
      value,
      rule.clone(value, (part) => this.#whole(part)),
    );
  }

  /** The copy of a part that is needed at once. */
  #whole(part: unknown): unknown {
    const copy = this.copy(part);
    if (copy instanceof Later) throw failure("A transferred object cannot be a part of this value");
    return copy;
  }

  #remember<T>(value: object, copy: T): T {
    this.#copies.set(value, copy);
    return copy;
  }

  #copyArray(value: unknown[]): unknown[] {
    const copy = this.#remember(value, new Array(value.length));
    this.#copyProperties(value, copy);
    return copy;
  }

  #copyObject(value: object): object {
    const tag = Reflect.apply(Object.prototype.toString, value, []);
    if (tag === "[object Arguments]") throw cannot(value, "be cloned");
    const copy = this.#remember(value, {});
    this.#copyProperties(value, copy);
    return copy;
  }

  #copyProperties(value: object, copy: object): void {
    for (const key of Object.keys(value)) {
      // A getter that ran before may have deleted the property.
      if (!Object.hasOwn(value, key)) continue;
      const part = this.copy((value as Record<string, unknown>)[key]);
      put(copy, key, part instanceof Later ? undefined : part);
      if (part instanceof Later) this.#afterTransfer.push(() => put(copy, key, part.value));
    }
  }

  #copyView(view: ArrayBufferView): object {
    const shape: ViewShape = viewShapeOf(view);
    if (!isArrayBuffer(shape.buffer)) throw failure("A SharedArrayBuffer cannot be cloned");
    const buffer = this.copy(shape.buffer);
    if (!(buffer instanceof Later)) return shape.on(buffer as ArrayBuffer);
    const later = new Later(() => shape.on(buffer.value as ArrayBuffer));
    this.#afterTransfer.push(() => later.value);
    return later;
  }

  #copyMap(value: object): Map<unknown, unknown> {
    const copy = this.#remember(value, new Map<unknown, unknown>());
    const entries = entriesOfMap(value).map(([key, item]) => [this.copy(key), this.copy(item)]);
    this.#afterTransfer.push(() => {
      for (const [key, item] of entries) copy.set(settled(key), settled(item));
    });
    return copy;
  }

  #copySet(value: object): Set<unknown> {
    const copy = this.#remember(value, new Set<unknown>());
    const elements = elementsOfSet(value).map((element) => this.copy(element));
    this.#afterTransfer.push(() => {
      for (const element of elements) copy.add(settled(element));
    });
    return copy;
  }
}

function settled(copy: unknown): unknown {
  return copy instanceof Later ? copy.value : copy;
}

/** CreateDataProperty: an inherited setter is not called. */
function put(object: object, key: string, value: unknown): void {
  if (key in object)
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else (object as Record<string, unknown>)[key] = value;
}

function cannot(value: object, what: string): DOMException {
  const tag = Reflect.apply(Object.prototype.toString, value, []) as string;
  return failure(`A value of the kind ${tag.slice(8, -1)} cannot ${what}`);
}

function failure(message: string): DOMException {
  return new DOMException(message, "DataCloneError");
}
