/**
 * The platform's own tasks (HTML, "queue a task"): in order, each in an entry of its own, so that the microtasks of one task
 * end before the next begins.
 *
 * I1  The host has one timer for all tasks. Their number is bounded by the isolate's memory, as the number of microtasks is.
 * I2  A task runs as the owner of the code that queued it.
 */
import { currentOwner, setOwner } from "../start/owner.ts";
import { AT_ONCE, startPlatformTimer } from "../start/timers.ts";

interface Task {
  readonly run: () => void;
  readonly owner: number;
  next: Task | undefined;
}

let first: Task | undefined;
let last: Task | undefined;

export function queueTask(run: () => void): void {
  const task: Task = { run, owner: currentOwner(), next: undefined };
  if (last === undefined) {
    first = task;
    startPlatformTimer(runFirst, AT_ONCE);
  } else last.next = task;
  last = task;
}

function runFirst(): void {
  const task = first;
  if (task === undefined) return;
  first = task.next;
  if (first === undefined) last = undefined;
  else startPlatformTimer(runFirst, AT_ONCE);
  setOwner(task.owner);
  task.run();
}
