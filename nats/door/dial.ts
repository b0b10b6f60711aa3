/** Dials a NATS server by hand, for a connection whose commands are passed on and not made here. */
import { once } from "node:events";
import { createConnection, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { NarunError } from "../../contracts/index.ts";
import { answerOf, type LoginTexts, tlsOf } from "../login/login.ts";
import { parseServers } from "../server-addresses.ts";

/** A connection that the server has greeted, and that is not logged in yet. */
export interface Dialled {
  socket: Socket;
  /** The server's greeting. */
  info: Record<string, unknown>;
  /** The words of the login for `CONNECT`. */
  login: Record<string, unknown>;
}

export interface DialOptions {
  url: string;
  login?: (() => LoginTexts) | undefined;
}

const DEFAULT_PORT = 4222;
const DIAL_TIMEOUT_MS = 3_000;
/** Upper bound of a greeting. */
const MAX_INFO_BYTES = 64 * 1024;

/** Connects to the first server that greets. Error: NATS_UNREACHABLE. */
export async function dialServer({ url, login = () => ({}) }: DialOptions): Promise<Dialled> {
  const { servers, isTls, login: own } = parseServers(url);
  const texts = { ...(own as LoginTexts), ...login() };
  let failure: unknown;
  for (const server of servers) {
    try {
      return await dialOne(server, isTls, texts);
    } catch (error) {
      failure = error;
    }
  }
  throw new NarunError("NATS_UNREACHABLE", { detail: parseServers(url).url }, { cause: failure });
}

async function dialOne(server: string, isTls: boolean, texts: LoginTexts): Promise<Dialled> {
  const { hostname, port } = new URL(`tcp://${server}`);
  const host = hostname.replace(/^\[|\]$/g, "");
  const plain = createConnection({ host, port: Number(port || DEFAULT_PORT) });
  plain.setNoDelay(true);
  const timer = setTimeout(() => plain.destroy(new Error("it does not answer")), DIAL_TIMEOUT_MS);
  try {
    const info = await readGreeting(plain);
    const tls = tlsOf(texts) ?? (isTls || info.tls_required === true ? {} : undefined);
    // A name for TLS is no address of numbers; the certificate is checked against `host` then.
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = tls === undefined ? plain : connectTls({ ...tls, ...name, socket: plain, host });
    if (socket !== plain) await once(socket, "secureConnect");
    const nonce = typeof info.nonce === "string" ? info.nonce : undefined;
    return { socket, info, login: { ...(answerOf(texts, nonce) ?? {}) } };
  } catch (error) {
    plain.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Reads the server's first line. It sends nothing behind it before it hears `CONNECT`. */
function readGreeting(socket: Socket): Promise<Record<string, unknown>> {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  let text = "";
  const onData = (chunk: Buffer) => {
    text += chunk.toString();
    if (text.length > MAX_INFO_BYTES) return reject(new Error("the greeting is too long"));
    if (!text.includes("\n")) return;
    try {
      resolve(JSON.parse(text.replace(/^INFO\s+/i, "")) as Record<string, unknown>);
    } catch {
      reject(new Error("the program at this address is no NATS server"));
    }
  };
  socket.on("data", onData).once("error", reject);
  socket.once("close", () => reject(new Error("the server closed the connection")));
  return promise.finally(() => socket.off("data", onData).off("error", reject).pause());
}
