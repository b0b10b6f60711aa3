/**
 * Keeps a running Caddy in step with the functions of a world (`narun gateway --caddy`).
 *
 * I1  One change is under way at a time. A change during another one is made after it.
 * I2  Only own routes are written, by their `@id`, and only against the version that was read. A configuration that is right
 *     already is not written: Caddy does not reload.
 * I3  Each gateway writes its own upstream. Upstreams that take no connections are removed (write-routes.ts).
 * I4  A Caddy that is away, or refuses, costs no request of the gateway: it is tried again, with growing pauses, and each new
 *     reason is logged once.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type FunctionSpec, GATEWAY_SERVICE, messageOf } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import { type Backoff, createBackoff } from "../../machine/index.ts";
import { discoverServices, type Nats } from "../../nats/index.ts";
import { CaddyAdmin, CaddyRefused } from "./admin.ts";
import type { Conflict } from "./plan.ts";
import { Reachable } from "./reachable.ts";
import { beginLeaving, type CaddyFacts, leaveCaddy, type RouteFacts, writeRoutes } from "./write-routes.ts";

export interface CaddySyncOptions {
  /** The admin API. */
  admin: URL;
  nats: Nats;
  /** The addresses of the doors, by name. */
  addresses(): ReadonlyMap<string, string>;
  specs(): Iterable<FunctionSpec>;
  log: Log;
}

/** How long after a change of the functions Caddy is changed: a push of many functions is one change. */
const SETTLE_MS = 100;
/** How often Caddy is compared: it may have been restarted, or changed by hand. */
const CHECK_MS = 5_000;
/** How long the end of a gateway waits for Caddy. */
const LEAVE_MS = 5_000;
/** How often a change is made again after another writer was faster. */
const MAX_CLASHES = 8;

/** How Caddy stands to the functions of this world. */
export type CaddyState =
  | { kind: "starting" }
  | { kind: "in step"; conflicts: readonly Conflict[] }
  | { kind: "away"; why: string };

export class CaddySync {
  readonly #options: CaddySyncOptions;
  readonly #admin: CaddyAdmin;
  readonly #backoff: Backoff = createBackoff({ firstMs: 250, maxMs: 10_000, forgetAfterMs: 60_000 });
  #state: CaddyState = { kind: "starting" };
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> = Promise.resolve();
  readonly #reachable = new Reachable();
  #keepsStreams = true;
  #isLeaving = false;

  constructor(options: CaddySyncOptions) {
    this.#options = options;
    this.#admin = new CaddyAdmin(options.admin);
    this.#after(0);
  }

  get state(): CaddyState {
    return this.#state;
  }

  /** The functions have changed. */
  changed(): void {
    this.#after(SETTLE_MS);
  }

  /** Has Caddy send its requests to other gateways. Resolves also where Caddy is away. */
  async beginLeaving(): Promise<void> {
    this.#isLeaving = true;
    clearTimeout(this.#timer);
    await this.#last((facts) => beginLeaving(this.#admin, facts));
  }

  /** The gateway takes no requests any more: the last one removes the routes. Resolves also where Caddy is away. */
  async leave(): Promise<void> {
    await this.#last((facts) => leaveCaddy(this.#admin, facts));
  }

  async #last(change: (facts: CaddyFacts) => Promise<void>): Promise<void> {
    this.#work = this.#work
      .then(() => this.#attempt(change))
      .catch((error: unknown) => {
        this.#options.log.warn({ error: messageOf(error) }, "Caddy may still have this gateway");
      });
    await Promise.race([this.#work, sleep(LEAVE_MS, undefined, { ref: false })]);
  }

  #after(ms: number): void {
    if (this.#isLeaving) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#work = this.#work.then(() => this.#sync());
    }, ms);
    this.#timer.unref();
  }

  async #sync(): Promise<void> {
    if (this.#isLeaving) return;
    try {
      const conflicts = await this.#attempt((facts) => writeRoutes(this.#admin, facts));
      this.#become({ kind: "in step", conflicts });
      this.#after(CHECK_MS);
    } catch (error) {
      this.#become({ kind: "away", why: messageOf(error) });
      this.#after(Math.max(100, this.#backoff.fail(Date.now())));
    }
  }

  /** Makes a change. It is made again where another writer was faster, or this version of Caddy lacks a key. */
  async #attempt<Result>(change: (facts: CaddyFacts) => Promise<Result>): Promise<Result> {
    for (let clashes = 0; ; ) {
      try {
        return await change(await this.#facts());
      } catch (error) {
        if (!(error instanceof CaddyRefused)) throw error;
        if (
          this.#keepsStreams &&
          /unknown field "?stream_close_delay/.test(error.message.replaceAll("\\", ""))
        ) {
          this.#keepsStreams = false;
        } else if (!error.isOutdated || clashes++ >= MAX_CLASHES) throw error;
      }
    }
  }

  async #facts(): Promise<CaddyFacts> {
    const { nats, addresses, specs } = this.#options;
    // The address of this machine, as Caddy reaches it, is known from the first connection.
    if (this.#admin.localAddress === undefined) await this.#admin.read("/config/apps/http");
    const gateways = await discoverServices(nats, { name: GATEWAY_SERVICE });
    const routes: RouteFacts[] = [];
    for (const protocol of ["http", "grpc"] as const) {
      const address = addresses().get(protocol);
      const dial = address && dialOf(address, this.#admin.localAddress);
      routes.push({ protocol, dial });
    }
    return {
      ...{ world: nats.world.id, routes, specs: [...specs()] },
      deadMs: (dial) => this.#reachable.deadMs(dial),
      healthPort: healthPortOf(
        addresses(),
        gateways.map(({ metadata }) => metadata ?? {}),
      ),
      keepsStreams: this.#keepsStreams,
    };
  }

  #become(state: CaddyState): void {
    const before = this.#state;
    this.#state = state;
    const { log, admin } = this.#options;
    if (state.kind === "away" && !(before.kind === "away" && before.why === state.why))
      log.warn({ caddy: admin.origin, error: state.why }, "Caddy is not in step; it is tried again");
    if (state.kind !== "in step") return;
    if (before.kind !== "in step") log.info({ caddy: admin.origin }, "Caddy is in step");
    const known = before.kind === "in step" ? before.conflicts : [];
    for (const conflict of state.conflicts)
      if (!known.some(({ host, path }) => host === conflict.host && path === conflict.path))
        log.warn({ caddy: admin.origin, ...conflict }, "another route of Caddy has this path, and keeps it");
  }
}

/** `10.0.0.11:8080` of `http://0.0.0.0:8080`. `local`: this machine's address, for a door that listens on all of them. */
function dialOf(address: string, local: string | undefined): string {
  const url = new URL(/^[a-z]+:\/\//.test(address) ? address : `http://${address}`);
  const host = isAny(url.hostname) ? bracketed(local ?? "127.0.0.1") : url.hostname;
  return `${host}:${url.port}`;
}

function bracketed(address: string): string {
  const plain = address.replace(/^::ffff:/, "");
  return plain.includes(":") ? `[${plain}]` : plain;
}

function isAny(hostname: string): boolean {
  return hostname === "0.0.0.0" || hostname === "[::]";
}

/** The port of the metrics, where all gateways have the same one, on the address of their HTTP. */
function healthPortOf(
  own: ReadonlyMap<string, string>,
  others: readonly Readonly<Record<string, string>>[],
): number | undefined {
  const portOf = (http: string | undefined, metrics: string | undefined) => {
    if (http === undefined || metrics === undefined) return undefined;
    const [a, b] = [new URL(http), new URL(metrics)];
    return isAny(b.hostname) || a.hostname === b.hostname ? Number(b.port) : undefined;
  };
  const ports = new Set([
    portOf(own.get("http"), own.get("metrics")),
    ...others
      .filter((metadata) => metadata["narun.caddy"] !== undefined)
      .map((metadata) => portOf(metadata["narun.http"], metadata["narun.metrics"])),
  ]);
  const [port] = ports;
  return ports.size === 1 ? port : undefined;
}
