import { type FunctionSpec, isNarunError, labelsOf, messageOf } from "../../contracts/index.ts";
import type { LabelKeys } from "../host.ts";
import type { FromHost, KeyAnswer } from "./ipc.ts";

type Wanted = Pick<Extract<FromHost, { type: "need-key" }>, "function" | "label" | "kid">;

export type SealingFunction = Pick<
  FunctionSpec,
  "name" | "bindings" | "labels" | "logs" | "workflow" | "workflowOf" | "interface"
>;

/** The labels of the functions that a host process was given. It gets the keys of no other one. */
export class DeclaredLabels {
  readonly #labels = new Map<string, ReadonlySet<string>>();
  /** The functions whose workflows a function of the process runs, by an older revision: the labels are granted to them. */
  readonly #owners = new Map<string, string>();

  /** The process gets a function of this configuration. */
  note(config: SealingFunction): void {
    if (config.workflowOf !== undefined) this.#owners.set(config.name, config.workflowOf);
    const known = this.#labels.get(config.name) ?? [];
    this.#labels.set(config.name, new Set([...known, ...labelsOf(config)]));
  }

  /** Answers the process. Never rejects. */
  async find(keys: LabelKeys | undefined, { function: name, label, kid }: Wanted): Promise<KeyAnswer> {
    if (keys === undefined) return { ok: false, code: "KEYS_MISSING", detail: label };
    if (this.#labels.get(name)?.has(label) !== true)
      return { ok: false, code: "LABEL_NOT_GRANTED", detail: undeclared(name, label) };
    try {
      const service = this.#owners.get(name) ?? name;
      const key = kid === undefined ? await keys.current(service, label) : await keys.byId(service, kid);
      return key.label === label ? { ok: true, key } : { ok: false, code: "SEAL_MOVED", detail: label };
    } catch (error) {
      const isKnown = isNarunError(error);
      return {
        ok: false,
        code: isKnown ? error.code : "INTERNAL",
        detail: isKnown ? error.fields.detail : messageOf(error),
      };
    }
  }
}

function undeclared(name: string, label: string): string {
  return `${name} does not name ${label}: \`labels: [${label}]\` in its narun.yaml`;
}
