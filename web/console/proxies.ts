/**
 * A `Proxy` that remembers the target and handler of each proxy. The console shows them without running a trap, as Node
 * does with V8's help; `structuredClone` refuses proxies.
 *
 * I1  User code gets no other `Proxy`: an unknown proxy would have its traps run.
 * I2  Making a proxy calls no function that user code could have replaced.
 */

/** V8's own, for the platform's proxies, which the console shows as plain functions and objects. */
export const NativeProxy = globalThis.Proxy;

/** Both are null after the proxy was revoked. */
interface Details {
  readonly target: object | null;
  readonly handler: object | null;
}

const details = new WeakMap<object, Details>();
const detailsOf = details.get.bind(details);
const setDetails = details.set.bind(details);
const REVOKED: Details = { target: null, handler: null };
const { construct } = Reflect;
const nativeRevocable = NativeProxy.revocable;
/** Whether a proxy was ever made. Most functions make none. */
let isUsed = false;

function remember<T extends object>(proxy: T, target: object, handler: object): T {
  isUsed = true;
  setDetails(proxy, { target, handler });
  return proxy;
}

const methods = {
  revocable(target: object, handler: ProxyHandler<object>): { proxy: object; revoke: () => void } {
    const { proxy, revoke } = nativeRevocable(target, handler);
    remember(proxy, target, handler);
    const revokeBoth = () => {
      setDetails(proxy, REVOKED);
      revoke();
    };
    return { proxy, revoke: revokeBoth };
  },
};

/** Without a prototype, so that no trap can be added to it. */
const wrapping: ProxyHandler<ProxyConstructor> = Object.create(null);
wrapping.construct = (native, [target, handler], newTarget) =>
  remember(construct(native, [target, handler], newTarget), target, handler);

Object.defineProperty(NativeProxy, "revocable", { value: methods.revocable });

/** Replaces V8's own `Proxy`. */
export const RememberingProxy = new NativeProxy(NativeProxy, wrapping);

export const isProxy = (value: object): boolean => isUsed && detailsOf(value) !== undefined;

/** Like Node's `getProxyDetails`: target and handler, or the target alone. Undefined for a value that is no proxy. */
export function proxyDetails(value: object, isWhole = true): [unknown, unknown] | object | null | undefined {
  const found = detailsOf(value);
  if (found === undefined) return undefined;
  return isWhole ? [found.target, found.handler] : found.target;
}

/** The target of a value's proxies, null if one of them was revoked. A value that is no proxy is returned itself. */
export function proxyTargetOf(value: unknown): unknown {
  if (!isUsed || value === null || (typeof value !== "object" && typeof value !== "function")) return value;
  const found = detailsOf(value);
  return found === undefined ? value : proxyTargetOf(found.target);
}

/** Whether reading a property or the constructor's name would run a trap, although the value is no proxy itself. */
export function inheritsFromProxy(value: object): boolean {
  if (!isUsed) return false;
  let found: object | null = value;
  while (found !== null) {
    if (found !== value && isProxy(found)) return true;
    const maker: unknown = Object.getOwnPropertyDescriptor(found, "constructor")?.value;
    if (typeof maker === "function" && isProxy(maker)) return true;
    found = Object.getPrototypeOf(found);
  }
  return false;
}
