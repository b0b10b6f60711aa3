/** `grpc-timeout`: at most eight digits and a unit. */

const UNITS_MS = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 } as const;
type Unit = keyof typeof UNITS_MS;

const TIMEOUT = /^(?<digits>\d{1,8})(?<unit>[HMSmun])$/;

/** Milliseconds; undefined where the text is no timeout. */
export function parseGrpcTimeout(text: string): number | undefined {
  const { digits, unit } = TIMEOUT.exec(text)?.groups ?? {};
  return digits === undefined ? undefined : Number(digits) * UNITS_MS[unit as Unit];
}

/** The finest unit that eight digits allow. A timeout is never longer than was asked for, by more than one of that unit. */
export function formatGrpcTimeout(ms: number): string {
  const clamped = Math.max(0, ms);
  for (const unit of ["u", "m", "S", "M", "H"] as const) {
    const amount = Math.ceil(clamped / UNITS_MS[unit]);
    if (amount <= 99_999_999) return `${amount}${unit}`;
  }
  return "99999999H";
}
