/** Runtara's doors and the programs of its instances, in the process of a node-runner. Loaded only where they are wanted. */
import type { Logger } from "pino";
import type { Nats } from "../nats/index.ts";
import { openRuntara, startRuntaraHttp, startRuntaraRunner } from "../runtara/index.ts";
import type { Exec } from "../runtime/index.ts";
import { version } from "./version.ts";

export interface RuntaraDoorsOptions {
  nats: Nats;
  node: string;
  exec: Exec;
  http: { host: string; port: number };
  isOpen: boolean;
  retentionMs: number;
  maxPrograms: number;
  sleepThresholdMs: number;
  log: Logger;
}

export interface RuntaraDoors {
  /** The base URL of the HTTP door. */
  readonly httpUrl: string;
  /** Ends the programs, which go on elsewhere, then the doors. */
  close(): Promise<void>;
}

/** Errors: ADDRESS_IN_USE; see needsJetStream. */
export async function openRuntaraDoors(options: RuntaraDoorsOptions): Promise<RuntaraDoors> {
  const { nats, node, exec, isOpen, retentionMs, maxPrograms, sleepThresholdMs, log } = options;
  const runtara = await openRuntara({ nats, sleepThresholdMs });
  const http = await startRuntaraHttp({ runtara, address: options.http, isOpen, version, log });
  const runner = startRuntaraRunner({
    ...{ runtara, node, retentionMs, maxPrograms, log },
    startProgram: exec.startJob,
    addressesFor: (token) => ({ RUNTARA_HTTP_URL: addressWith(http.url, token) }),
  });
  return {
    httpUrl: http.url,
    async close() {
      await runner.close();
      await http.close();
    },
  };
}

/** An address of the machine itself, with a token: SDKs take it nowhere else. */
function addressWith(url: string, token: string): string {
  const { hostname, port } = new URL(url);
  const isEvery = hostname === "0.0.0.0" || hostname === "[::]";
  return `http://run:${token}@${isEvery ? "127.0.0.1" : hostname}:${port}`;
}
