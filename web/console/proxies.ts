/**
 * `Proxy`, which remembers what each proxy stands for: the console shows that without running a trap, as Node does, which
 * asks V8; `structuredClone` refuses it.
 *
 * I1  User code gets no other `Proxy`: a proxy that is not known here would have its traps run.
 * I2  Making a proxy calls nothing that user code could have replaced.
 */

/** V8's own, for proxies of the platform, which the console shows as functions and objects like any other. */
export const NativeProxy = globalThis.Proxy;

/** Nothing, where the proxy was revoked. */
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
/** Whether anybody has made one: most functions never do. */
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

/** Without a prototype nobody can add a trap to it. */
const wrapping: ProxyHandler<ProxyConstructor> = Object.create(null);
wrapping.construct = (native, [target, handler], newTarget) =>
  remember(construct(native, [target, handler], newTarget), target, handler);

Object.defineProperty(NativeProxy, "revocable", { value: methods.revocable });

/** Takes the place of V8's own. */
export const RememberingProxy = new NativeProxy(NativeProxy, wrapping);

export const isProxy = (value: object): boolean => isUsed && detailsOf(value) !== undefined;

/** As Node's `getProxyDetails`: target and handler, or the target alone; undefined of what is no proxy. */
export function proxyDetails(value: object, isWhole = true): [unknown, unknown] | object | null | undefined {
  const found = detailsOf(value);
  if (found === undefined) return undefined;
  return isWhole ? [found.target, found.handler] : found.target;
}

/** What stands behind a value: the target of its proxies, null where one was revoked, or the value itself. */
export function behindProxies(value: unknown): unknown {
  if (!isUsed || value === null || (typeof value !== "object" && typeof value !== "function")) return value;
  const found = detailsOf(value);
  return found === undefined ? value : behindProxies(found.target);
}

/** Whether looking up a property, or the constructor's name, would run a trap, though the value is no proxy itself. */
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
