import {
  type Announcement,
  type LogLevel,
  type LogLine,
  type StatusEvent,
  subjects,
} from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";

/** Publishes the facts of instances: status events for people and old tools, announcements for gateways. */
export interface StatusPublisher {
  status(
    app: string,
    instance: string,
    status: StatusEvent["status"],
    facts?: { pid?: number; exit_code?: number; error?: string },
  ): void;
  announce(announcement: Announcement): void;
  /** Writes a line for the author into a function's log, about an event that no host can report. */
  log(level: LogLevel, about: { function: string; id: string; revision: string }, message: string): void;
}

export function createStatusPublisher(nats: Nats, node: string): StatusPublisher {
  return {
    status(app, instance, status, facts = {}) {
      const event: StatusEvent = {
        instance_id: instance,
        node_id: node,
        status,
        ...facts,
        time: new Date().toISOString(),
        world: nats.world.id,
      };
      nats.publish(subjects.status(app, node), JSON.stringify(event));
    },
    announce(announcement) {
      const { function: name, instance } = announcement;
      nats.publish(subjects.announcement(name, instance), JSON.stringify(announcement));
    },
    log(level, { function: app, id, revision }, message) {
      const line: LogLine = {
        instance_id: id,
        app_name: app,
        node_id: node,
        stream: "stderr",
        message,
        timestamp: new Date().toISOString(),
        level,
        revision,
      };
      nats.publish(subjects.log(app, node), JSON.stringify(line));
    },
  };
}

/** The same publisher. An observer learns of each status event before it goes out. */
export function observeStatus(
  publisher: StatusPublisher,
  observer: {
    onStatus(instance: string, event: Pick<StatusEvent, "status" | "pid" | "exit_code" | "error">): void;
  },
): StatusPublisher {
  return {
    ...publisher,
    status(app, instance, status, facts = {}) {
      observer.onStatus(instance, { status, ...facts });
      publisher.status(app, instance, status, facts);
    },
  };
}
