/** Whether a server has the features that narun needs: message schedules, per-message TTL, atomic batches (2.14). */
export function isRecentServer(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 14);
}
