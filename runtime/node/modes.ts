import { type FunctionSpec, hostedInstance, type Mode, NarunError } from "../../contracts/index.ts";
import { type Backoff, createBackoff } from "../../machine/index.ts";
import type { HostLogin, HostParts, InstanceEvents, StartHost } from "../host.ts";
import type { DesiredFunction } from "./desired-state.ts";
import { createHosts, type Hosts } from "./hosts.ts";
import type { StatusPublisher } from "./status.ts";
import { createSuspects, type Suspects } from "./suspects.ts";

/** The functions that start the hosts of a node, by the modes that it offers. */
export type StartHosts = Readonly<Partial<Record<Mode, StartHost>>>;

export interface ModesOptions {
  hosts: StartHosts;
  /** The parts that each host of the node gets alike. */
  parts: Omit<HostParts, "group" | "nats" | "backoff" | "events">;
  /**
   * The login of a group's host. `mayCome`: whether a deployed function may come into its processes. Its `rights` have the name
   * that the ids of its instances begin with.
   */
  loginOf(mayCome: (placement: Placement) => boolean): HostLogin;
  events: InstanceEvents;
  desired(name: string): DesiredFunction | undefined;
  /** Some functions belong in other hosts from now on. */
  onMoved(): void;
  publisher: StatusPublisher;
}

/** The facts of a function that decide about its host. */
export type Placement = Pick<FunctionSpec, "name" | "mode" | "trust">;

interface OneMode {
  hosts: Hosts;
  suspects: Suspects;
  /** The login of the host of a group: the same for all hosts that the group ever has. */
  loginOf(group: string): HostLogin;
}

/** The modes that a node offers: the hosts of each, and the suspects among its functions. */
export class Modes {
  readonly #options: ModesOptions;
  readonly #modes: ReadonlyMap<string, OneMode>;

  constructor(options: ModesOptions) {
    this.#options = options;
    this.#modes = new Map(
      Object.entries(options.hosts).map(([mode, startHost]) => [mode, this.#open(mode, startHost)]),
    );
  }

  get names(): Mode[] {
    return Object.keys(this.#options.hosts) as Mode[];
  }

  has(mode: string): boolean {
    return this.#modes.has(mode);
  }

  /** The hosts of a mode. */
  find(mode: string): Hosts | undefined {
    return this.#modes.get(mode)?.hosts;
  }

  /** The hosts of a function's mode. Error: MODE_UNSUPPORTED, with the modes that the node offers. */
  of(placement: Placement): Hosts {
    return this.#of(placement).hosts;
  }

  /** The group of a function. Error: MODE_UNSUPPORTED. */
  groupOf(placement: Placement): string {
    return this.#of(placement).suspects.groupOf(placement.trust, placement.name);
  }

  /** A new id for an instance of a function. Error: MODE_UNSUPPORTED. */
  instanceId(placement: Placement): string {
    const { suspects, loginOf } = this.#of(placement);
    const id = crypto.randomUUID().replaceAll("-", "").slice(0, 20);
    if (placement.mode === "exec") return id;
    const { rights } = loginOf(suspects.groupOf(placement.trust, placement.name));
    return rights === undefined ? id : hostedInstance(rights.name, id);
  }

  /** The function changed, or is gone. */
  forgive(name: string, generation: string | undefined): void {
    for (const { hosts, suspects } of this.#modes.values())
      if (suspects.forgive(name, generation)) hosts.forgive(name);
  }

  async close(options: { graceMs: number }): Promise<void> {
    await Promise.all(
      [...this.#modes.values()].map(({ hosts, suspects }) => {
        suspects.close();
        return hosts.close(options);
      }),
    );
  }

  #of({ mode, name }: Placement): OneMode {
    const one = this.#modes.get(mode);
    if (one !== undefined) return one;
    const detail = `${name} has the mode ${mode}, and this node offers ${this.names.join(", ") || "none"}`;
    throw new NarunError("MODE_UNSUPPORTED", { detail });
  }

  #open(mode: string, startHost: StartHost): OneMode {
    const { parts, loginOf, events, desired, onMoved, publisher } = this.#options;
    const suspects = createSuspects({ desired, onMoved, publisher, log: parts.log });
    const logins = new Map<string, HostLogin>();
    const loginOfGroup = (group: string) => {
      // A process of the mode `isolate` runs all functions of its group.
      const mayCome = (one: Placement) =>
        mode === "isolate" && one.mode === mode && suspects.groupOf(one.trust, one.name) === group;
      const login = logins.get(group) ?? loginOf(mayCome);
      logins.set(group, login);
      return login;
    };
    const start = (group: string, backoff: Backoff) =>
      startHost({
        ...parts,
        group,
        nats: loginOfGroup(group),
        backoff,
        events: {
          ...events,
          onGuilty: (name, reason) => suspects.quarantine(group, name, reason),
          onDied: (functions) => suspects.hostDied(group, functions),
        },
      });
    const hosts = createHosts({ start, createBackoff: createHostBackoff });
    return { suspects, hosts, loginOf: loginOfGroup };
  }
}

/** The pauses between sandboxes that die. */
function createHostBackoff(): Backoff {
  return createBackoff({ firstMs: 100, maxMs: 10_000, forgetAfterMs: 60_000 });
}
