/** Prometheus' text format. */

export type Labels = Readonly<Record<string, string>>;

/** One metric: its name, its kind and help, and its values. */
export interface Metric {
  name: string;
  type: "gauge" | "counter" | "histogram";
  help: string;
  /** `suffix`: of the name, for the series of a histogram. */
  values: readonly { labels: Labels; value: number; suffix?: string }[];
}

/** The content type of the format. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Writes metrics. One without values is left out. */
export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ values }) => values.length > 0)
    .flatMap(({ name, type, help, values }) => [
      `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
      `# TYPE ${name} ${type}`,
      ...values.map(
        ({ labels, value, suffix = "" }) => `${name}${suffix}${formatLabels(labels)} ${formatValue(value)}`,
      ),
      "",
    ])
    .join("\n");
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
