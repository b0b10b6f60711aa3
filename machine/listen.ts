import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { NarunError } from "../contracts/index.ts";

export interface Address {
  host: string;
  /** 0 picks a free one. */
  port: number;
}

/**
 * Listens, and resolves with the base URL. `option` is the name by which a person chose the address. Error: ADDRESS_IN_USE.
 */
export async function listen(server: Server, { host, port }: Address, option: string): Promise<string> {
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(port, host, listening.resolve);
  try {
    await listening.promise;
  } catch (error) {
    if (!isAddressInUse(error)) throw error;
    const detail = `${hostPort(host, port)} (${option})`;
    throw new NarunError("ADDRESS_IN_USE", { detail, host, port, option }, { cause: error });
  } finally {
    server.off("error", listening.reject);
  }
  return `http://${hostPort(host, (server.address() as AddressInfo).port)}`;
}

function isAddressInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

function hostPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
