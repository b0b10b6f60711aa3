/** The types of callers: `env.ORDERS.pay({ … })`, and `connect`. */
import type { Service } from "../bindings.ts";
import type { NatsAccess } from "../serve.ts";
import type { ActionTypes } from "./service.ts";

/** How one call is made. */
export interface CallOptions {
  /** Ends the call. */
  signal?: AbortSignal;
  /** How long it may take, in milliseconds. Default: as long as the caller's own request. */
  timeout?: number;
  /**
   * After how many milliseconds without an answer it is sent a second time; the first good answer counts. The service refuses it for
   * actions that are neither read-only nor idempotent.
   */
  hedge?: number;
}

type ActionsOf<S> = S extends { readonly "~types"?: infer T }
  ? NonNullable<T> extends { readonly actions: infer A }
    ? A
    : never
  : S;

type Call<A> = A extends ActionTypes
  ? unknown extends A["input"]
    ? (input?: unknown, options?: CallOptions) => Promise<A["output"]>
    : undefined extends A["input"]
      ? (input?: A["input"], options?: CallOptions) => Promise<A["output"]>
      : (input: A["input"], options?: CallOptions) => Promise<A["output"]>
  : never;

/** The actions of a service as methods. `S`: `typeof` the service, or the types that `narun types` writes. */
export type ServiceActions<S> = { readonly [Name in keyof ActionsOf<S>]: Call<ActionsOf<S>[Name]> };

/**
 * A service in `env`, its actions as methods beside `fetch`. A call rejects with an `ActionError` that the service declares (`name`,
 * `data`), else with an error named `ServiceError` (`code`, `status`, `issues`).
 */
export type ServiceClient<S> = Service & ServiceActions<S>;

/** How a program reaches a service. */
export interface ConnectOptions {
  /** The server. Default: `NATS_URL`, else `nats://127.0.0.1:4222`. */
  nats?: string | NatsAccess;
  /** How long a call may take where it says nothing else. Default 30,000. */
  timeoutMs?: number;
  /** Seals inputs and answers, for actions with `encrypt`. Default: calls are in clear. */
  seal?: ConnectSeal;
}

/** The label of sealed calls, and the key file that opens it. */
export interface ConnectSeal {
  label: string;
  /** The caller: `user:NAME`, to whom the label is granted. */
  as: string;
  /** The folder with the caller's key file: `user-NAME.json`. */
  keys: string;
  /** The passphrase of that file. Default: it is under none. */
  passphrase?: string;
}

/** A service, its actions as methods, and the connection behind them. */
export type ConnectedService<S> = ServiceActions<S> & {
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** An error of a call that the service does not declare. */
export interface ServiceError extends Error {
  readonly name: "ServiceError";
  /** A code of narun's error catalogue: `INVALID_INPUT`, `SERVICE_PAUSED`. */
  readonly code: string;
  readonly status: number;
  readonly requestId: string | undefined;
  /** The fields of an input that does not fit. */
  readonly issues: readonly { path: string; message: string }[] | undefined;
}
