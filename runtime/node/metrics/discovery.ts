import { type FunctionSpec, shortRevision } from "../../../contracts/index.ts";
import type { LocalInstance } from "../local-instance.ts";

/** A group of targets as Prometheus' HTTP service discovery reads it. */
export interface TargetGroup {
  targets: string[];
  labels: Record<string, string>;
}

/** The metrics of programs themselves: a target for each instance whose spec has `metrics` (compatible). */
export function discoverTargets(
  instances: readonly LocalInstance[],
  { node, host, specOf }: { node: string; host: string; specOf(name: string): FunctionSpec | undefined },
): TargetGroup[] {
  return instances.flatMap(({ function: app, index, revision, phase }) => {
    const spec = specOf(app);
    if (phase !== "ready" || spec?.metrics === undefined) return [];
    const { port, path } = spec.metrics;
    return [
      {
        targets: [`${host.includes(":") ? `[${host}]` : host}:${port}`],
        labels: {
          job: "narun-workload",
          narun_app: app,
          narun_instance_id: `${app}-${index}`,
          narun_node_id: node,
          narun_tag: spec.tag ?? shortRevision(revision),
          __metrics_path__: path,
        },
      },
    ];
  });
}
