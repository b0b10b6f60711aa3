/** The sections of the bench, in the order of a run. */
import type { Row, Size } from "./frame/row.ts";
import type { Section } from "./frame/section.ts";
import { app } from "./rows/app.ts";
import { asleep } from "./rows/asleep.ts";
import { burst } from "./rows/burst.ts";
import { calls } from "./rows/calls.ts";
import { cold } from "./rows/cold.ts";
import { consume } from "./rows/consume.ts";
import { crowd } from "./rows/crowd.ts";
import { door } from "./rows/door.ts";
import { durableStep } from "./rows/durable-step.ts";
import { fanOut } from "./rows/fan-out.ts";
import { grpc } from "./rows/grpc.ts";
import { idle } from "./rows/idle.ts";
import { isolates } from "./rows/isolate-start.ts";
import { live } from "./rows/live.ts";
import { memory } from "./rows/memory.ts";
import { recovery } from "./rows/recovery.ts";
import { schedules } from "./rows/schedules.ts";
import { sealedCalls } from "./rows/sealed-calls.ts";
import { sleeping } from "./rows/sleeping.ts";
import { start } from "./rows/start.ts";
import { tracesOff } from "./rows/traces-off.ts";
import { transfer } from "./rows/transfer.ts";
import { warm } from "./rows/warm.ts";
import { websocket } from "./rows/websocket.ts";
import { workflow } from "./rows/workflow.ts";

export const SECTIONS: Readonly<Record<string, Section>> = {
  warm,
  app,
  cold,
  crowd,
  burst,
  live,
  asleep,
  idle,
  transfer,
  "traces-off": tracesOff,
  "fan-out": fanOut,
  websocket,
  grpc,
  calls,
  door,
  "sealed-calls": sealedCalls,
  schedules,
  consume,
  workflow,
  "durable-step": durableStep,
  recovery,
  sleeping,
  start,
  isolates,
  memory,
};

export function rowsOf(section: Section, size: Size): readonly Row[] {
  return Object.values(section.rows(size));
}
