/**
 * An address of NATS for one program: a door in its node, which logs in for it and lets it speak for its own service only.
 * Any server will do, as it needs no users of its own for programs.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type DialOptions, dialServer } from "./dial.ts";
import type { Registration } from "./discovery-answer.ts";
import { GuestConnection, type GuestConnectionOptions } from "./guest-connection.ts";
import { GuestRequests } from "./guest-requests.ts";
import { canFindOwners, isHeldBy } from "./socket-owner.ts";

export interface DoorOptions
  extends DialOptions,
    Pick<
      GuestConnectionOptions,
      "name" | "service" | "direct" | "rules" | "metadata" | "stats" | "trace" | "onRefused"
    > {
  /** A socket in a folder that no other program can enter: who connects there needs no password. Default: none. */
  socketPath?: string | undefined;
  /** How long a request may be open. */
  timeoutMs: number;
  /** The processes of the program, which need no password. Not every client reads a password out of an address. */
  pids(): Iterable<number>;
  /** It has registered its service, and the server has its subscriptions. */
  onRegistered(registration: Registration): void;
}

export interface Door {
  /**
   * Its address. The login is in it where processes cannot be found by their connections: some clients take a login in an
   * address for a host's name.
   */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly requests: GuestRequests;
  /** Takes no requests any more; resolves when all that the server had sent was handed over. */
  drain(): Promise<void>;
  close(): void;
}

const PASSWORD_BYTES = 24;
/** Upper bound of the connections of one program. */
const MAX_CONNECTIONS = 64;

export async function openDoor(options: DoorOptions): Promise<Door> {
  const requests = new GuestRequests(options.timeoutMs);
  const user = options.name;
  const password = randomBytes(PASSWORD_BYTES).toString("base64url");
  const connections = new Set<GuestConnection>();
  let isClosed = false;
  const welcome = async (program: Socket, isKnown: boolean) => {
    program.setNoDelay(true);
    program.on("error", () => undefined);
    // A server that is away: the program's client tries again.
    const dialled = await dialServer(options).catch(() => undefined);
    if (dialled === undefined || isClosed || program.destroyed) {
      dialled?.socket.destroy();
      program.destroy();
      return;
    }
    const connection = new GuestConnection(program, dialled, {
      ...options,
      requests,
      admits: (givenUser, givenPassword) =>
        isKnown ||
        (givenUser === user && isSame(givenPassword, password)) ||
        (givenUser === undefined && isHeldBy(options.pids(), program.remotePort ?? 0, port)),
    });
    connections.add(connection);
    program.once("close", () => connections.delete(connection));
  };
  const serve = (isKnown: boolean) =>
    createServer((program) => {
      if (connections.size >= MAX_CONNECTIONS) program.destroy();
      else void welcome(program, isKnown);
    });
  const server = serve(false).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const inside = options.socketPath === undefined ? undefined : serve(true).listen(options.socketPath);
  if (inside !== undefined) await once(inside, "listening");
  return {
    url: `nats://${canFindOwners ? "" : `${encodeURIComponent(user)}:${password}@`}127.0.0.1:${port}`,
    user,
    password,
    requests,
    drain: async () => void (await Promise.all([...connections].map((connection) => connection.drain()))),
    close() {
      isClosed = true;
      server.close();
      inside?.close();
      for (const connection of connections) connection.close();
    },
  };
}

function isSame(given: unknown, password: string): boolean {
  if (typeof given !== "string") return false;
  const [one, other] = [Buffer.from(given), Buffer.from(password)];
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}
