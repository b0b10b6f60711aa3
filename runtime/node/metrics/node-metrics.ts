/**
 * The metrics of a node-runner. `narun_node_runner_instance_*` are compatible: names and labels of the original toolkit.
 *
 * I1  Labels are bounded: there is a series for each instance that there is, and for the last end of each index of a function,
 *     up to `MAX_ENDS`. The ids of former runs vanish.
 * I2  Memory and CPU time belong to a process, so that an isolate, which shares its process, has none.
 */
import {
  BoundedMap,
  type FunctionSpec,
  type Mode,
  type StatusEvent,
  shortRevision,
} from "../../../contracts/index.ts";
import type { LocalInstance } from "../local-instance.ts";
import { formatMetrics, type Labels, type Metric } from "./exposition.ts";
import { type ProcessUsage, readProcessUsage } from "./process-usage.ts";
import { RequestMetrics } from "./request-metrics.ts";

export interface NodeMetricsOptions {
  node: string;
  maxInstances: number;
  instances(): LocalInstance[];
  specOf(name: string): FunctionSpec | undefined;
  problems(): readonly unknown[];
  /** Metrics beside the node's own. */
  more?(): readonly Metric[];
}

type ObservedStatus = Pick<StatusEvent, "status" | "pid" | "exit_code" | "error">;

/** Upper bound of the ended instances and of the counters of restarts that are kept. */
const MAX_ENDS = 2_000;

interface End {
  labels: Labels;
  exitCode: number | undefined;
}

const PREFIX = "narun_node_runner_instance";

export class NodeMetrics {
  /** The requests of the instances. */
  readonly requests: RequestMetrics;
  readonly #options: NodeMetricsOptions;
  readonly #pids = new BoundedMap<string, number>(MAX_ENDS);
  /** By function and index. */
  readonly #ends = new BoundedMap<string, End>(MAX_ENDS);
  readonly #restarts = new BoundedMap<string, { labels: Labels; count: number }>(MAX_ENDS);
  readonly #starts = new Map<Mode, number>();
  readonly #endings = new Map<string, { mode: Mode; status: string; count: number }>();

  constructor(options: NodeMetricsOptions) {
    this.#options = options;
    this.requests = new RequestMetrics(options.node);
  }

  /** A status event of an instance goes out. The instance is still in the table. */
  onStatus(id: string, { status, pid, exit_code, error }: ObservedStatus): void {
    const instance = this.#options.instances().find((one) => one.id === id);
    if (instance === undefined) return;
    if (status === "starting") this.#noteStart(instance, error !== undefined);
    else if (status === "running" && pid !== undefined) this.#pids.set(id, pid);
    else if (status === "stopped" || status === "failed" || status === "crashed")
      this.#noteEnd(instance, status, exit_code);
  }

  async render(): Promise<string> {
    const all = this.#options.instances();
    return formatMetrics([
      ...this.#instanceMetrics(all),
      ...(await this.#usageMetrics(all)),
      ...this.#gauges(all),
      ...this.#counters(),
      ...this.requests.metrics(),
      ...(this.#options.more?.() ?? []),
    ]);
  }

  #noteStart(instance: LocalInstance, isRestart: boolean): void {
    const slot = slotOf(instance);
    this.#ends.delete(slot);
    this.#starts.set(instance.mode, (this.#starts.get(instance.mode) ?? 0) + 1);
    if (!isRestart) return;
    const count = (this.#restarts.get(slot)?.count ?? 0) + 1;
    this.#restarts.set(slot, { labels: this.#slotLabels(instance), count });
  }

  #noteEnd(instance: LocalInstance, status: string, exitCode: number | undefined): void {
    this.#pids.delete(instance.id);
    const key = `${instance.mode} ${status}`;
    const before = this.#endings.get(key)?.count ?? 0;
    this.#endings.set(key, { mode: instance.mode, status, count: before + 1 });
    // An instance that was stopped leaves nothing behind.
    if (status !== "stopped")
      this.#ends.set(slotOf(instance), { labels: this.#runLabels(instance), exitCode });
  }

  #slotLabels({ function: app_name, index }: LocalInstance): Labels {
    return { app_name, instance_id: `${app_name}-${index}`, node_id: this.#options.node };
  }

  #runLabels(instance: LocalInstance): Labels {
    return { ...this.#slotLabels(instance), run_id: instance.id };
  }

  #instanceMetrics(all: readonly LocalInstance[]): Metric[] {
    const ended = [...this.#ends.values()];
    const isUp = ({ phase }: LocalInstance) => (phase === "starting" ? 0 : 1);
    return [
      {
        name: `${PREFIX}_up`,
        type: "gauge",
        help: "Whether the instance is up: 1, or 0 while it starts and after it failed.",
        values: [
          ...all.map((one) => ({ labels: this.#runLabels(one), value: isUp(one) })),
          ...ended.map(({ labels }) => ({ labels, value: 0 })),
        ],
      },
      {
        name: `${PREFIX}_info`,
        type: "gauge",
        help: "The version, mode and file of the instance; always 1.",
        values: all.map((one) => ({
          labels: { ...this.#runLabels(one), ...aboutOf(one, this.#options.specOf(one.function)) },
          value: 1,
        })),
      },
      {
        name: `${PREFIX}_restarts_total`,
        type: "counter",
        help: "Starts of the instance after it failed.",
        values: [...this.#restarts.values()].map(({ labels, count }) => ({ labels, value: count })),
      },
      {
        name: `${PREFIX}_last_exit_code`,
        type: "gauge",
        help: "The exit code of the instance's last process; -1 after a signal.",
        values: ended.flatMap(({ labels, exitCode }) =>
          exitCode === undefined ? [] : [{ labels, value: exitCode }],
        ),
      },
    ];
  }

  async #usageMetrics(all: readonly LocalInstance[]): Promise<Metric[]> {
    const usages = await Promise.all(
      all.map(async (instance) => {
        const pid = instance.mode === "isolate" ? undefined : this.#pids.get(instance.id);
        return { labels: this.#runLabels(instance), usage: pid && (await readProcessUsage(pid)) };
      }),
    );
    const valuesOf = (value: (usage: ProcessUsage) => number) =>
      usages.flatMap(({ labels, usage }) => (usage ? [{ labels, value: value(usage) }] : []));
    return [
      {
        name: `${PREFIX}_memory_max_rss_bytes`,
        type: "gauge",
        help: "The most resident memory that the instance's process had.",
        values: valuesOf(({ maxRssBytes }) => maxRssBytes),
      },
      {
        name: `${PREFIX}_cpu_user_seconds_total`,
        type: "counter",
        help: "CPU time of the instance's process in its own code.",
        values: valuesOf(({ userSeconds }) => userSeconds),
      },
      {
        name: `${PREFIX}_cpu_system_seconds_total`,
        type: "counter",
        help: "CPU time of the instance's process in the system.",
        values: valuesOf(({ systemSeconds }) => systemSeconds),
      },
    ];
  }

  #gauges(all: readonly LocalInstance[]): Metric[] {
    const { node: node_id, maxInstances, problems } = this.#options;
    const byPhase = Map.groupBy(all, ({ mode, phase }) => `${mode} ${phase}`);
    const ofNode = (value: number) => [{ labels: { node_id }, value }];
    return [
      {
        name: "narun_node_instances",
        type: "gauge",
        help: "Instances of the node, by mode and phase.",
        values: [...byPhase.values()].flatMap(([first, ...others]) => {
          if (first === undefined) return [];
          const { mode, phase } = first;
          return [{ labels: { node_id, mode, phase }, value: 1 + others.length }];
        }),
      },
      {
        name: "narun_node_max_instances",
        type: "gauge",
        help: "How many instances the node takes.",
        values: ofNode(maxInstances),
      },
      {
        name: "narun_node_failing_functions",
        type: "gauge",
        help: "Functions whose last start on the node failed.",
        values: ofNode(problems().length),
      },
      {
        name: "narun_node_resident_memory_bytes",
        type: "gauge",
        help: "Resident memory of the node-runner, without its instances.",
        values: ofNode(process.memoryUsage.rss()),
      },
    ];
  }

  #counters(): Metric[] {
    const { node: node_id } = this.#options;
    return [
      {
        name: "narun_node_starts_total",
        type: "counter",
        help: "Starts of instances, by mode.",
        values: [...this.#starts].map(([mode, value]) => ({ labels: { node_id, mode }, value })),
      },
      {
        name: "narun_node_ends_total",
        type: "counter",
        help: "Ends of instances, by mode and status: stopped, failed (at its start) or crashed.",
        values: [...this.#endings.values()].map(({ mode, status, count }) => ({
          labels: { node_id, mode, status },
          value: count,
        })),
      },
    ];
  }
}

function slotOf({ function: name, index }: LocalInstance): string {
  return `${name}-${index}`;
}

function aboutOf({ mode, revision }: LocalInstance, spec: FunctionSpec | undefined): Labels {
  return {
    spec_tag: spec?.tag ?? shortRevision(revision),
    spec_mode: mode,
    binary_path: (mode === "exec" ? spec?.command : undefined) ?? "",
  };
}
