/** Faults of a service's definition. */

/** A code of the error catalogue (contracts/service-errors.ts). */
export type FaultCode =
  | "SERVICE_INVALID"
  | "ACTIONS_OVERLAP"
  | "SCHEMA_NOT_JSON"
  | "SERVICE_NAMED_OTHERWISE"
  | "GRPC_MISMATCH";

/** A fault of a definition. Its stack leads to the author's line. */
export class ServiceFault extends TypeError {
  override readonly name = "ServiceFault";
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Refuses keys that are not known. */
export function refuseUnknown(what: string, options: object, known: readonly string[]): void {
  const stranger = Object.keys(options).find((key) => !known.includes(key));
  if (stranger === undefined) return;
  throw new ServiceFault("SERVICE_INVALID", `${what}: unknown key "${stranger}"; known: ${known.join(", ")}`);
}
