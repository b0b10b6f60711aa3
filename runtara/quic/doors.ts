/**
 * The QUIC doors to Runtara's instances, for the SDKs 1.4.1. The two protocols number their requests alike, so that each has a
 * port of its own.
 *
 * I1  A delivery is confirmed when the same program calls again on the same connection: its SDK makes one call after the other.
 * I2  A sleep is never answered early: a door that closes breaks its stream off.
 */
import type { Logger } from "pino";
import { isNarunError, messageOf } from "../../contracts/index.ts";
import { storeProblem } from "../../nats/index.ts";
import {
  type Address,
  type EnvironmentResponse,
  environmentRpc,
  type InstanceResponse,
  type instance,
  instanceRpc,
  type ProtocolAnswer,
  type ProtocolCall,
  type ProtocolServer,
  startProtocolServer,
} from "../../protocol/index.ts";
import type { Runtara } from "../core/runtara.ts";
import type { Delivery } from "../core/signals.ts";
import { callEnvironment } from "./environment-calls.ts";
import { callInstance } from "./instance-calls.ts";

export interface RuntaraQuicOptions {
  runtara: Runtara;
  /** The path of Deno. */
  deno: string;
  address: Address;
  /** The folder of the server's keys. */
  keys: string;
  version: string;
  log: Logger;
}

/** The door of programs. Rejects where the address is taken. */
export function startInstanceDoor(options: RuntaraQuicOptions): Promise<ProtocolServer> {
  const { runtara } = options;
  const unproven = new Unproven(options.log);
  return start(options, async ({ payload, connection, signal }) => {
    const request = instanceRpc.readRequest(payload);
    await unproven.confirm(connection, idOf(request));
    const answer = await callInstance({ runtara, signal }, request).catch((error: unknown) => {
      signal.throwIfAborted();
      return {
        response: { case: "error", value: faultOf(error, options.log) } as const,
        delivery: undefined,
      };
    });
    const { response, delivery } = answer;
    if (response === undefined) return undefined;
    return {
      payload: instanceRpc.writeResponse({ response } as InstanceResponse),
      sent: () => delivery && unproven.add(connection, idOf(request), delivery),
    };
  });
}

/** The door of managers. Rejects where the address is taken. */
export function startEnvironmentDoor(options: RuntaraQuicOptions): Promise<ProtocolServer> {
  const { runtara, version, log } = options;
  const startedAtMs = Date.now();
  return start(options, async ({ payload, rest, signal }) => {
    const request = environmentRpc.readRequest(payload);
    const response = await callEnvironment({ runtara, version, startedAtMs, rest }, request).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        return { case: "error", value: faultOf(error, log) } as const;
      },
    );
    return { payload: environmentRpc.writeResponse({ response } as EnvironmentResponse) };
  });
}

function start(
  { deno, address, keys, log }: RuntaraQuicOptions,
  onCall: (call: ProtocolCall) => Promise<ProtocolAnswer>,
): Promise<ProtocolServer> {
  return startProtocolServer({
    ...{ deno, address, keys, onCall },
    onError: (error) => log.warn({ error: messageOf(error) }, "a call over QUIC was not answered"),
    onLost: (why) => log.warn({ why }, "QUIC starts anew"),
  });
}

const idOf = ({ request: { value } }: instance.RpcRequest) =>
  value !== undefined && "instanceId" in value ? value.instanceId : "";

function faultOf(error: unknown, log: Logger): { code: string; message: string } {
  if (isNarunError(error)) return { code: error.code, message: error.message };
  if (storeProblem(error) !== undefined)
    return { code: "NATS_JETSTREAM_UNAVAILABLE", message: "NATS does not answer" };
  log.error({ err: error }, "a call over QUIC failed");
  return { code: "INTERNAL", message: "it failed" };
}

/** Answers that the next call of the same program on the same connection proves. */
class Unproven {
  readonly #byConnection = new WeakMap<object, Map<string, Delivery>>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(connection: object, id: string, delivery: Delivery): void {
    const known = this.#byConnection.get(connection) ?? new Map<string, Delivery>();
    this.#byConnection.set(connection, known.set(id, delivery));
  }

  /** A delivery that cannot be noted comes again: that loses nothing. */
  async confirm(connection: object, id: string): Promise<void> {
    const known = this.#byConnection.get(connection);
    const delivery = known?.get(id);
    if (delivery === undefined) return;
    known?.delete(id);
    await delivery.confirm().catch((error: unknown) => {
      this.#log.warn({ error: messageOf(error) }, "a delivery to a program of Runtara was not noted");
    });
  }
}
