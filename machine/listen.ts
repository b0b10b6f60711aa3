import { type AddressInfo, createServer, type Server } from "node:net";
import { messageOf, NarunError } from "../contracts/index.ts";
import { errnoOf } from "./errno.ts";

export interface Address {
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** Other processes listen there as well, and the operating system divides the connections. Default: no. */
  isShared?: boolean;
  /** Where another program has the port, a free one is taken. Default: that is an error. */
  isPreferred?: boolean;
}

/** Errors of an address that this machine does not have, or that this user may not have. */
const WRONG_ADDRESS = new Set(["EADDRNOTAVAIL", "EACCES", "ENOTFOUND", "EAI_AGAIN"]);

/**
 * Listens, and resolves with the base URL. `option` is the flag that chooses the address. Errors: ADDRESS_IN_USE; USAGE, where
 * the address cannot be had.
 */
export async function listen(
  server: Server,
  { host, port, isShared = false, isPreferred = false }: Address,
  option: string,
): Promise<string> {
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen({ port, host, reusePort: isShared }, listening.resolve);
  try {
    await listening.promise;
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    if (WRONG_ADDRESS.has(errno))
      throw new NarunError("USAGE", { detail: `${option}: ${messageOf(error)}` }, { cause: error });
    if (errno !== "EADDRINUSE") throw error;
    if (isPreferred) return listen(server, { host, port: 0, isShared }, option);
    const detail = `${hostPort(host, port)} (${option})`;
    throw new NarunError("ADDRESS_IN_USE", { detail, host, port, option }, { cause: error });
  } finally {
    server.off("error", listening.reject);
  }
  return `http://${hostPort(host, (server.address() as AddressInfo).port)}`;
}

/**
 * Chooses the address that several processes are going to share. A process that shares an address does not see that another
 * program has it, so that is tried here. Errors: as `listen`.
 */
export async function claimShared(address: Address, option: string): Promise<Address> {
  const server = createServer();
  await listen(server, address, option);
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return { host: address.host, port, isShared: true };
}

function hostPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
