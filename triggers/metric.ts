/** One metric: its name, its kind and help, and its values. */
export interface TriggerMetric {
  name: string;
  type: "gauge" | "counter";
  help: string;
  values: readonly { labels: Readonly<Record<string, string>>; value: number }[];
}
