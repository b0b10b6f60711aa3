/**
 * The rules of `egress` for the connections of Node: `fetch`, `http`, `https`, `http2`, `net` and `tls` all connect by the class
 * `Socket` of `node:net`, and that by the handles of the system.
 *
 * I1  A socket that connects to a name gets only the addresses that the rules allow, for the port that it asks for.
 * I2  A handle connects to no address that the rules refuse, and that no name of a rule has led to. This also holds for code that
 *     gets to the handle itself.
 * I3  Sockets of the file system, UDP, and descriptors that are open already are refused: no rule can name them.
 */
import dgram from "node:dgram";
import dns, { lookup as lookUp } from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { BoundedMap } from "../../../../contracts/index.ts";
import {
  createEgress,
  type Egress,
  type EgressOptions,
  type EgressTarget,
} from "../../../../machine/index.ts";
import { refuse } from "./confine.ts";

type Lookup = typeof lookUp;
type Found = { address: string; family: number };
type OnFound = (error: Error | null, address?: string | Found[], family?: number) => void;

/** Upper bound of the addresses that names have led to, and that are remembered. */
const MAX_GRANTS = 4_096;
/** The system's number of "permission denied". */
const EACCES = -13;

/** Binds all connections of this process' thread from now on. */
export function guardEgress(rules: EgressOptions): void {
  const egress = createEgress(rules);
  const grants = new BoundedMap<string, true>(MAX_GRANTS);
  const { tcp, pipe } = handlePrototypes();
  guardSockets(egress, (address, port) => grants.set(`${address} ${port}`, true));
  const judge = (plain: Connect): Connect =>
    function connect(this: object, request, address, port, ...rest) {
      const [host, number] = [String(address), Number(port)];
      const isAllowed =
        grants.get(`${host} ${number}`) === true ||
        egress.refusal({ host, port: number }, host) === undefined;
      return isAllowed ? Reflect.apply(plain, this, [request, host, number, ...rest]) : EACCES;
    };
  for (const name of ["connect", "connect6"] as const) tcp[name] = judge(tcp[name]);
  for (const handles of [tcp, pipe]) refuse(handles, "open");
  pipe.connect = () => EACCES;
  refuseDatagrams();
  syncBuiltinESMExports();
}

/** Wraps `connect` of sockets: an error there has the reason, which a number of the system lacks. */
function guardSockets(egress: Egress, grant: (address: string, port: number) => void): void {
  const plain = net.Socket.prototype.connect as (...values: unknown[]) => net.Socket;
  net.Socket.prototype.connect = function connect(this: net.Socket, ...values: unknown[]) {
    const [given, onConnect] = normalize(values);
    // Its members are read once.
    const options: Record<string, unknown> = { ...given };
    if (typeof onConnect === "function") this.once("connect", onConnect as () => void);
    const target: EgressTarget = { host: String(options.host ?? "localhost"), port: Number(options.port) };
    const reason =
      options.path == null
        ? refusalOf(egress, target)
        : `${String(options.path)} is a socket of the file system`;
    // It fails as a socket whose host is not found: until then it is connecting, as its users expect.
    if (reason !== undefined) return Reflect.apply(plain, this, [refusedOptions(denied(reason))]);
    const lookup = (options.lookup ?? lookUp) as Lookup;
    options.lookup = guardedLookup(lookup, egress, target, (address) => grant(address, target.port));
    return Reflect.apply(plain, this, [options]);
  } as typeof net.Socket.prototype.connect;
}

function refusedOptions(error: Error) {
  const lookup = (_host: string, _options: object, done: OnFound) => done(error);
  return { host: "refused.invalid", port: 1, lookup };
}

/** The reason against a target, as far as it can be told before its name is looked up. */
function refusalOf(egress: Egress, target: EgressTarget): string | undefined {
  return net.isIP(target.host) === 0 ? egress.refusalOfName(target) : egress.refusal(target, target.host);
}

function guardedLookup(
  lookup: Lookup,
  egress: Egress,
  target: EgressTarget,
  grant: (address: string) => void,
) {
  return (host: string, options: object, done: OnFound) => {
    const onFound: OnFound = (error, found, family) => {
      if (error !== null && error !== undefined) return done(error);
      const all: Found[] = Array.isArray(found)
        ? found.map(({ address, family: kind }) => ({ address: String(address), family: Number(kind) }))
        : [{ address: String(found), family: Number(family) }];
      const judged = all.map((one) => ({ one, reason: egress.refusal(target, one.address) }));
      const allowed = judged.filter(({ reason }) => reason === undefined).map(({ one }) => one);
      const [first] = allowed;
      if (first === undefined) return done(denied(judged[0]?.reason ?? `${host} has no address`));
      for (const { address } of allowed) grant(address);
      if (Array.isArray(found)) done(null, allowed);
      else done(null, first.address, first.family);
    };
    (lookup as (...values: unknown[]) => void)(host, options, onFound);
  };
}

/** The arguments of `connect`: Node calls it with a list that it has made of them already. */
function normalize(values: readonly unknown[]): [options: Record<string, unknown>, onConnect: unknown] {
  const [first, second] = values;
  const onConnect = values.findLast((value) => typeof value === "function");
  if (Array.isArray(first)) return [first[0] ?? {}, first[1]];
  if (typeof first === "object" && first !== null) return [first as Record<string, unknown>, onConnect];
  if (typeof first === "string" && !/^\d+$/.test(first)) return [{ path: first }, onConnect];
  return [{ port: first, ...(typeof second === "string" ? { host: second } : {}) }, onConnect];
}

function denied(reason: string): Error {
  return Object.assign(new Error(reason), { code: "ERR_ACCESS_DENIED", syscall: "connect" });
}

type Connect = (request: unknown, address: unknown, port: unknown, ...rest: unknown[]) => number;
type Handles = Record<"connect" | "connect6" | "open", Connect>;

/** The classes of the system's handles have no name of their own: sockets that never connect show them. */
function handlePrototypes(): { tcp: Handles; pipe: Handles } {
  const prototypeOf = (options: object): Handles => {
    const probe = new net.Socket().on("error", () => undefined);
    probe.connect(options as net.TcpSocketConnectOpts);
    const handle = (probe as unknown as { _handle: object })._handle;
    probe.destroy();
    return Object.getPrototypeOf(handle) as Handles;
  };
  const never = () => undefined;
  return {
    tcp: prototypeOf({ host: "probe.invalid", port: 1, lookup: never }),
    pipe: prototypeOf({ path: "/nonexistent/probe" }),
  };
}

/** Messages of UDP go to any address, without a connection. A resolver asks the servers that it is told. */
function refuseDatagrams(): void {
  for (const name of Object.keys(dgram)) refuse(dgram, name);
  refuse(dns, "setServers");
  refuse(dns.promises, "setServers");
  refuse(dns.Resolver.prototype, "setServers");
  refuse(dns.promises.Resolver.prototype, "setServers");
}
