/** Linux tells here how many threads of the machine want to run: counters alone, which say nothing of any process. */
export const MACHINE_STATE_FILE = "/proc/stat";
