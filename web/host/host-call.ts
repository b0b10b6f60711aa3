/**
 * Calls to the host that take time. Each returns a promise.
 *
 * I1  Every call is settled at most once. A result for an unknown call is ignored.
 * I2  A result runs as its caller's owner (owner.ts).
 */

import { currentOwner, setOwner } from "../start/owner.ts";
import { type Data, PostOp } from "./boundary.ts";
import { postCall, postToHost } from "./host-link.ts";

interface OpenCall {
  owner: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The host's description of a failed call. The caller makes the error that its API requires. */
export class HostFailure {
  /** The name of a DOMException or of an error class: `NotSupportedError`, `TypeError`. */
  readonly name: string;
  readonly message: string;
  constructor(name: string, message: string) {
    this.name = name;
    this.message = message;
  }
}

export interface HostCall {
  /** Rejects with a `HostFailure`. */
  readonly result: Promise<unknown>;
  /**
   * Forgets the call: it never settles, and the host stops its work. The host may already have answered: `discard` gets that
   * answer, for values that must be released.
   */
  cancel(discard?: (value: unknown) => void): void;
}

const open = new Map<number, OpenCall>();
/** Cancelled calls whose answer may be under way. */
const discarding = new Map<number, (value: unknown) => void>();
/** Upper bound of the cancelled calls that are kept. Most are never answered, and only the latest still can be. */
const MAX_DISCARDING = 100;
let lastId = 0;

/** Calls the host. `name` is `<service>.<operation>` (runtime/isolate/process/host-calls.ts). */
export function callHost(name: string, ...values: Data[]): HostCall {
  lastId += 1;
  const id = lastId;
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const owner = currentOwner();
  open.set(id, { owner, resolve, reject });
  postCall(id, name, values, owner);
  return {
    result: promise,
    cancel: (discard) => {
      if (!open.delete(id)) return;
      postToHost(PostOp.cancelCall, id);
      if (discard === undefined) return;
      if (discarding.size >= MAX_DISCARDING) discarding.delete(discarding.keys().next().value ?? 0);
      discarding.set(id, discard);
    },
  };
}

/** A request has used up its time: its open calls are forgotten. */
export function dropCallsOf(owner: number): void {
  for (const [id, call] of open) {
    if (call.owner !== owner) continue;
    open.delete(id);
    postToHost(PostOp.cancelCall, id);
  }
}

/** The host's answer to a call. */
export function settleCall(id: number, errorName: unknown, value: unknown): void {
  const call = open.get(id);
  if (call === undefined) {
    if (errorName === undefined) discarding.get(id)?.(value);
    discarding.delete(id);
    return;
  }
  open.delete(id);
  setOwner(call.owner);
  if (errorName === undefined) call.resolve(value);
  else call.reject(new HostFailure(String(errorName), String(value)));
}
