export interface BindingPlan {
  name: string;
  kind: "kv" | "objects" | "service" | "publish";
  /** The service's name, the bucket: for messages and URLs. The host goes by its own configuration alone. */
  target: string;
}
