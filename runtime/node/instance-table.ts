/**
 * The instances of a node, from the moment one is asked for until it is gone.
 *
 * I1  One start at a time for a function's generation by demand: who asks meanwhile is told of the same one.
 * I2  An instance is in the table exactly while something of it may run or be starting.
 * I3  Whatever ends an instance (its host, a crash, a failed start) is published once.
 */
import {
  type Ceiling,
  type FunctionSpec,
  type GoneReason,
  isErrorCode,
  isNarunError,
  lowerLimits,
  messageOf,
} from "../../contracts/index.ts";
import type { StartOutcome } from "../host.ts";
import type { FunctionSecrets } from "./function-secrets.ts";
import type { Hosts } from "./hosts.ts";
import type { Revisions } from "./revisions.ts";
import type { StatusPublisher } from "./status.ts";
import type { Suspects } from "./suspects.ts";

export interface LocalInstance {
  id: string;
  function: string;
  revision: string;
  generation: string;
  /** Of the host that it is in (suspicion.ts). */
  group: string;
  concurrency: number;
  phase: "starting" | "ready" | "draining";
}

export interface Problem {
  function: string;
  revision: string;
  generation: string;
  error: string;
}

export interface InstanceTable {
  all(): LocalInstance[];
  of(name: string): LocalInstance[];
  /** Ends a group's host where no instance is on it. */
  releaseUnused(group: string): void;
  /** Starts one; the instance is in the table at once, `outcome` tells how it went. */
  start(spec: FunctionSpec, generation: string): { instance: LocalInstance; outcome: Promise<StartOutcome> };
  drain(id: string, reason: GoneReason): void;
  /** For the hosts: an instance hit a limit, takes nothing new, and will be gone. */
  condemned(id: string): void;
  /** For the hosts: an instance has ended. */
  gone(id: string, reason: GoneReason, code?: string): void;
  /** The functions whose last start failed, and why. */
  problems(): Problem[];
  /** Forgets what is said against a function: it was removed, or changed. */
  forgive(name: string, generation: string | undefined): void;
}

export interface InstanceTableOptions {
  node: string;
  graceMs: number;
  closesReplacedSockets: boolean;
  /** What the operator allows at most. */
  ceiling: Ceiling;
  hosts(): Hosts;
  groupOf: Suspects["groupOf"];
  revisions: Revisions;
  functionSecrets: FunctionSecrets;
  publisher: StatusPublisher;
  onChange(name: string): void;
  /** An instance that was ready has died. */
  onCrash(name: string, generation: string): void;
}

/** Failures of a start that say nothing against the function: another node, or another try, may well start it. */
const NOT_THE_FUNCTION = new Map<string, GoneReason>([
  ["HOST_CRASHED", "crashed"],
  ["NODE_STOPPING", "shutdown"],
  ["INSTANCE_DRAINING", "shutdown"],
]);

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createInstanceTable(options: InstanceTableOptions): InstanceTable {
  const { node, graceMs, ceiling, hosts, revisions, functionSecrets, publisher, onChange } = options;
  const table = new Map<string, LocalInstance>();
  const problems = new Map<string, Problem>();
  /** Instances whose crash was told before they were gone. */
  const condemned = new Set<string>();

  const releaseUnused = (group: string) => {
    if (![...table.values()].some((instance) => instance.group === group)) hosts().release(group);
  };

  const remove = (instance: LocalInstance) => {
    table.delete(instance.id);
    releaseUnused(instance.group);
    onChange(instance.function);
  };

  const crashed = (instance: LocalInstance) => {
    hosts().crashed(instance.group);
    options.onCrash(instance.function, instance.generation);
  };

  const announcementOf = (instance: LocalInstance) => ({
    function: instance.function,
    instance: instance.id,
    node,
    revision: instance.revision,
    at: Date.now(),
  });

  const startOn = async (instance: LocalInstance, spec: FunctionSpec): Promise<StartOutcome> => {
    const outcome = await order(instance, spec);
    if (!table.has(instance.id)) return outcome;
    if (outcome.ok) {
      instance.phase = condemned.has(instance.id) ? "draining" : "ready";
      problems.delete(instance.function);
      const pid = hosts().find(instance.group)?.pidOf(instance.id);
      publisher.status(instance.function, instance.id, "running", pid === undefined ? {} : { pid });
      onChange(instance.function);
      return outcome;
    }
    publishFailure(instance, outcome);
    remove(instance);
    return outcome;
  };

  const publishFailure = (instance: LocalInstance, { code, message }: { code: string; message: string }) => {
    const { function: name, revision, generation } = instance;
    const error = `${code}: ${message}`;
    const reason = NOT_THE_FUNCTION.get(code) ?? "failed";
    if (reason === "failed") problems.set(name, { function: name, revision, generation, error });
    publisher.status(name, instance.id, reason === "crashed" ? "crashed" : "failed", { error });
    publisher.announce({ ...announcementOf(instance), state: "gone", reason, code });
  };

  /** The operator's ceiling wins; the function's log says so. */
  const lower = (instance: LocalInstance, spec: FunctionSpec) => {
    const { limits, lowered } = lowerLimits(spec.limits, ceiling);
    const changes = lowered.map((key) => `limits.${key} is ${limits[key]}, not ${spec.limits[key]}`);
    if (lowered.length > 0) publisher.log("warn", instance, `the node allows no more: ${changes.join("; ")}`);
    return limits;
  };

  const order = async (instance: LocalInstance, spec: FunctionSpec): Promise<StartOutcome> => {
    try {
      const { bundle } = await revisions.load(spec.name, spec.revision);
      const { revision, ...rest } = spec;
      const config = { ...rest, limits: lower(instance, spec) };
      const secrets = await functionSecrets.of(config);
      await hosts().pause(instance.group);
      const host = hosts().of(instance.group);
      return await host.start({ instance: instance.id, revision, config, secrets, bundle });
    } catch (error) {
      const code = isNarunError(error) ? error.code : "INTERNAL";
      const message = messageOf(error);
      publisher.log("error", instance, `${code}: ${message}`);
      return { ok: false, code, message };
    }
  };

  return {
    releaseUnused,
    all: () => [...table.values()],
    of: (name) => [...table.values()].filter((instance) => instance.function === name),
    start(spec, generation) {
      const instance: LocalInstance = {
        id: crypto.randomUUID().replaceAll("-", "").slice(0, 20),
        function: spec.name,
        revision: spec.revision,
        generation,
        group: options.groupOf(spec.trust, spec.name),
        concurrency: spec.scale.concurrency,
        phase: "starting",
      };
      table.set(instance.id, instance);
      publisher.status(instance.function, instance.id, "starting");
      publisher.announce({ ...announcementOf(instance), state: "starting" });
      return { instance, outcome: startOn(instance, spec) };
    },
    drain(id, reason) {
      const instance = table.get(id);
      if (instance?.phase !== "ready") return;
      instance.phase = "draining";
      publisher.status(instance.function, id, "stopping");
      const closesSockets = reason === "replaced" && options.closesReplacedSockets;
      hosts().find(instance.group)?.drain(id, { reason, graceMs, closesSockets });
      // A debugger has to leave now: what stands at its breakpoint could not finish.
      onChange(instance.function);
    },
    condemned(id) {
      const instance = table.get(id);
      if (instance === undefined) return;
      condemned.add(id);
      instance.phase = "draining";
      crashed(instance);
      onChange(instance.function);
    },
    gone(id, reason, code) {
      const instance = table.get(id);
      if (instance === undefined) return;
      if (!condemned.delete(id) && reason === "crashed") crashed(instance);
      const isFailure = reason === "crashed" || reason === "failed";
      const error = isErrorCode(code) ? { error: code } : {};
      publisher.status(
        instance.function,
        id,
        reason === "crashed" ? "crashed" : isFailure ? "failed" : "stopped",
        error,
      );
      // A host that died could not announce it itself.
      if (code === "HOST_CRASHED")
        publisher.announce({ ...announcementOf(instance), state: "gone", reason, code });
      remove(instance);
    },
    problems: () => [...problems.values()],
    forgive(name, generation) {
      if (problems.get(name)?.generation !== generation) problems.delete(name);
    },
  };
}
