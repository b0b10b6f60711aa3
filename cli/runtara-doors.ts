/** Runtara's doors and the programs of its instances, in the process of a node-runner. Loaded only where they are wanted. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import type { Logger } from "pino";
import { NarunError } from "../contracts/index.ts";
import { type Address, errnoOf } from "../machine/index.ts";
import type { Nats } from "../nats/index.ts";
import { type FindDenoOptions, findDeno } from "../protocol/index.ts";
import {
  openRuntara,
  type ProgramOrder,
  type RunningProgram,
  type Runtara,
  startEnvironmentDoor,
  startInstanceDoor,
  startRuntaraHttp,
  startRuntaraRunner,
} from "../runtara/index.ts";
import { createFunctionLog, type Exec } from "../runtime/index.ts";
import { version } from "./version.ts";
import type { RuntaraAddresses } from "./world/runtara-addresses.ts";

export interface RuntaraDoorsOptions {
  nats: Nats;
  node: string;
  exec: Exec;
  http: Address | undefined;
  quic: Address | undefined;
  quicEnvironment: Address | undefined;
  deno: Omit<FindDenoOptions, "onFetch">;
  isOpen: boolean;
  retentionMs: number;
  maxPrograms: number;
  sleepThresholdMs: number;
  log: Logger;
}

export interface RuntaraDoors {
  readonly addresses: RuntaraAddresses;
  /** Ends the programs, which go on elsewhere, then the doors. */
  close(): Promise<void>;
}

interface Door {
  close(): Promise<void>;
}

/** Errors: ADDRESS_IN_USE, QUIC_UNAVAILABLE; see needsJetStream. */
export async function openRuntaraDoors(options: RuntaraDoorsOptions): Promise<RuntaraDoors> {
  const { nats, node, isOpen, retentionMs, maxPrograms, sleepThresholdMs, log } = options;
  const runtara = await openRuntara({ nats, sleepThresholdMs });
  const addresses: RuntaraAddresses = {};
  const doors: Door[] = [];
  try {
    if (options.http !== undefined) {
      const http = await startRuntaraHttp({ runtara, address: options.http, isOpen, version, log });
      addresses.runtaraHttp = http.url;
      doors.push(http);
    }
    doors.push(...(await openQuicDoors(runtara, options, addresses)));
  } catch (error) {
    await Promise.all(doors.map((door) => door.close()));
    throw error;
  }
  const runner = startRuntaraRunner({
    ...{ runtara, node, retentionMs, maxPrograms, log },
    startProgram: (order) => startLogged(options, order),
    addressesFor: (token) => programAddresses(addresses, token),
  });
  return {
    addresses,
    async close() {
      await runner.close();
      await Promise.all(doors.map((door) => door.close()));
    },
  };
}

/** Starts a program whose lines are in the log, with the instance's id in the place of a request's. */
async function startLogged(
  { nats, node, exec }: RuntaraDoorsOptions,
  order: ProgramOrder,
): Promise<RunningProgram> {
  const { instance, revision, config, id } = order;
  const log = createFunctionLog({ nats, node, config, instance, revision });
  const job = await exec.startJob({
    ...order,
    onLine(level, line, stream) {
      log.write(level, line, id, stream);
      order.onLine(level, line, stream);
    },
  });
  void job.ended.then(() => log.close());
  return job;
}

async function openQuicDoors(
  runtara: Runtara,
  { quic, quicEnvironment, deno: source, log }: RuntaraDoorsOptions,
  addresses: RuntaraAddresses,
): Promise<Door[]> {
  if (quic === undefined && quicEnvironment === undefined) return [];
  const onFetch = () => log.info("fetching Deno, about 40 MiB, for QUIC");
  const deno = await findDeno({ ...source, onFetch });
  const common = { runtara, deno, keys: join(source.cacheDir, "quic-keys"), version, log };
  const doors: Door[] = [];
  if (quic !== undefined) {
    const address = await freeAddress(quic, "--runtara-quic");
    doors.push(await startInstanceDoor({ ...common, address }));
    addresses.runtaraQuic = textOf(address);
  }
  if (quicEnvironment !== undefined) {
    const address = await freeAddress(quicEnvironment, "--runtara-quic-environment");
    doors.push(await startEnvironmentDoor({ ...common, address }));
    addresses.runtaraQuicEnvironment = textOf(address);
  }
  return doors;
}

/** A UDP address that can be listened at: Deno is permitted one port. Error: ADDRESS_IN_USE. */
async function freeAddress({ host, port }: Address, flag: string): Promise<Address> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    socket.bind({ address: host, port, exclusive: true });
    await once(socket, "listening");
    return { host, port: socket.address().port };
  } catch (error) {
    if (errnoOf(error) !== "EADDRINUSE") throw error;
    throw new NarunError("ADDRESS_IN_USE", { detail: `${host}:${port} (UDP, ${flag})` }, { cause: error });
  } finally {
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  }
}

const textOf = ({ host, port }: Address) => `${host.includes(":") ? `[${host}]` : host}:${port}`;

/** The doors as a program's SDK takes them: 1.6 by HTTP with a token, 1.4 over QUIC, which knows none. */
function programAddresses(
  { runtaraHttp, runtaraQuic }: RuntaraAddresses,
  token: string,
): Record<string, string> {
  return {
    ...(runtaraHttp === undefined ? {} : { RUNTARA_HTTP_URL: addressWith(runtaraHttp, token) }),
    // The certificate is narun's own, and the SDK cannot be given its authority.
    ...(runtaraQuic === undefined
      ? {}
      : { RUNTARA_SERVER_ADDR: runtaraQuic, RUNTARA_SKIP_CERT_VERIFICATION: "true" }),
  };
}

/** An address of the machine itself, with a token: SDKs take it nowhere else. */
function addressWith(url: string, token: string): string {
  const { hostname, port } = new URL(url);
  const isEvery = hostname === "0.0.0.0" || hostname === "[::]";
  return `http://run:${token}@${isEvery ? "127.0.0.1" : hostname}:${port}`;
}
