import { type Announcement, AnnouncementSchema, type StatusEvent, subjects } from "../../contracts/index.ts";
import { identifyProcess, isRunning, type ProcessIdentity } from "../../machine/index.ts";
import type { Nats } from "../../nats/index.ts";
import { eventually } from "./eventually.ts";

/** The events of a world's nodes since its start, in order. Events during an outage of NATS are missing. */
export interface Events {
  announcements(name: string): Announcement[];
  statuses(name: string): StatusEvent[];
  /** Resolves with the announcement when a function's instances have announced `state` for the `count`-th time. */
  announced(name: string, state: Announcement["state"], count?: number): Promise<Announcement>;
  /** The host process of a function's last instance. Its node tells it a little later than gateways hear of the instance. */
  hostPid(name: string): Promise<number>;
  /** Notes a process that must end with the world. Hosts of instances are noted automatically. */
  noteProcess(pid: number): void;
  /** Resolves when no noted process runs. Rejects if one does not end. */
  processesEnded(): Promise<void>;
}

/** How long hosts of a killed runner may take to finish their requests. */
const ORPHANS_END_MS = 15_000;

/** A busy machine takes long to start a process. */
const ANNOUNCED = { timeoutMs: 20_000 };

export function recordEvents(nats: Nats): Events {
  const announcements: Announcement[] = [];
  const statuses: { app: string; event: StatusEvent }[] = [];
  const processes = new Map<number, ProcessIdentity>();
  const noteProcess = (pid: number) => {
    if (!processes.has(pid)) processes.set(pid, identifyProcess(pid));
  };

  nats.subscribe(subjects.announcementsAll, (message) => {
    announcements.push(AnnouncementSchema.parse(JSON.parse(message.text())));
  });
  nats.subscribe(subjects.status("*", "*"), (message) => {
    const event = JSON.parse(message.text()) as StatusEvent;
    statuses.push({ app: message.subject.split(".")[1] ?? "", event });
    if (event.pid !== undefined) noteProcess(event.pid);
  });

  const announcementsOf = (name: string) => announcements.filter((one) => one.function === name);
  const statusesOf = (name: string) => statuses.flatMap(({ app, event }) => (app === name ? event : []));
  return {
    announcements: announcementsOf,
    statuses: statusesOf,
    announced: (name, state, count = 1) =>
      eventually(() => {
        const found = announcementsOf(name).filter((one) => one.state === state)[count - 1];
        if (found === undefined) throw new Error(`${name} was not announced ${state} ${count} times`);
        return found;
      }, ANNOUNCED),
    hostPid: (name) =>
      eventually(() => {
        const running = statusesOf(name).filter(({ pid }) => pid !== undefined);
        const ready = announcementsOf(name).findLast(({ state }) => state === "ready")?.instance;
        const isTold = ready === undefined || running.some(({ instance_id }) => instance_id === ready);
        const pid = running.at(-1)?.pid;
        if (pid === undefined || !isTold) throw new Error(`no node has told the process of ${name}`);
        return pid;
      }),
    noteProcess,
    async processesEnded() {
      await eventually(
        () => {
          const left = [...processes.values()].filter(isRunning).map(({ pid }) => pid);
          if (left.length > 0) throw new Error(`processes are left: ${left.join(", ")}`);
        },
        { timeoutMs: ORPHANS_END_MS },
      );
    },
  };
}
