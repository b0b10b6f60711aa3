/** The keys of labels that a host process may have: those of the functions that it was given, and no other one. */
import { type FunctionConfig, isNarunError, labelsOf, messageOf } from "../../contracts/index.ts";
import type { LabelKeys } from "../host.ts";
import type { FromHost, KeyAnswer } from "./ipc.ts";

type WantedKey = Pick<Extract<FromHost, { type: "need-key" }>, "function" | "label" | "kid">;

export class HostKeys {
  readonly #keys: LabelKeys | undefined;
  /** The labels of each function. */
  readonly #labels = new Map<string, ReadonlySet<string>>();

  /** `keys`: undefined where the node has no key file. */
  constructor(keys: LabelKeys | undefined) {
    this.#keys = keys;
  }

  /** The process is given the function. */
  give(config: FunctionConfig): void {
    const known = this.#labels.get(config.name) ?? [];
    this.#labels.set(config.name, new Set([...known, ...labelsOf(config)]));
  }

  async find({ function: name, label, kid }: WantedKey): Promise<KeyAnswer> {
    if (this.#keys === undefined) return { ok: false, code: "KEYS_MISSING", detail: label };
    if (this.#labels.get(name)?.has(label) !== true)
      return { ok: false, code: "LABEL_NOT_GRANTED", detail: label };
    try {
      const key =
        kid === undefined ? await this.#keys.current(name, label) : await this.#keys.byId(name, kid);
      return key.label === label ? { ok: true, key } : { ok: false, code: "SEAL_MOVED", detail: label };
    } catch (error) {
      return isNarunError(error)
        ? { ok: false, code: error.code, detail: error.fields.detail }
        : { ok: false, code: "INTERNAL", detail: messageOf(error) };
    }
  }
}
