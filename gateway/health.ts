/** The gateway's own health. */
export interface Health {
  /** Whether it can serve requests now. */
  isHealthy(): boolean;
  /** The problem that keeps the rest of narun from working; undefined where there is none. */
  findProblem(): Promise<string | undefined>;
}
