import {
  type Capability,
  capabilitiesOf,
  type FunctionConfig,
  isReservedStore,
} from "../../../../contracts/index.ts";
import { CallError } from "../../process/host-calls.ts";

/** Finds a declared binding by its kind and by the name that the isolate gives: user input. Throws CallError. */
export type FindDeclared = <K extends Capability["kind"]>(
  kind: K,
  name: unknown,
) => Extract<Capability, { kind: K }>;

export function createFindDeclared(config: FunctionConfig): FindDeclared {
  const declared = new Map(capabilitiesOf(config).map((capability) => [capability.name, capability]));
  return <K extends Capability["kind"]>(kind: K, name: unknown) => {
    const found = typeof name === "string" ? declared.get(name) : undefined;
    // The schema refuses narun's own stores. A spec that was stored by other means is refused here.
    const isReserved = found !== undefined && "bucket" in found && isReservedStore(found.bucket);
    if (found?.kind !== kind || isReserved) {
      throw new CallError("BindingError", `narun.yaml declares no such ${kind} binding`);
    }
    return found as Extract<Capability, { kind: K }>;
  };
}
