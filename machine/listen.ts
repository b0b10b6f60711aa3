import type { AddressInfo, Server } from "node:net";
import { NarunError } from "../contracts/index.ts";
import { errnoOf } from "./errno.ts";

export interface Address {
  host: string;
  /** 0 picks a free one. */
  port: number;
}

/** Listens, and resolves with the base URL. `option` is the flag that chooses the address. Error: ADDRESS_IN_USE. */
export async function listen(server: Server, { host, port }: Address, option: string): Promise<string> {
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(port, host, listening.resolve);
  try {
    await listening.promise;
  } catch (error) {
    if (errnoOf(error) !== "EADDRINUSE") throw error;
    const detail = `${hostPort(host, port)} (${option})`;
    throw new NarunError("ADDRESS_IN_USE", { detail, host, port, option }, { cause: error });
  } finally {
    server.off("error", listening.reject);
  }
  return `http://${hostPort(host, (server.address() as AddressInfo).port)}`;
}

function hostPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
