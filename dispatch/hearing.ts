/** Takes the next step of the requests that evidence is about (next-step.ts). */
import type { ErrorCode } from "../contracts/index.ts";
import type { ActiveJobs } from "./active-jobs.ts";
import { flushLines } from "./flush-lines.ts";
import { type DispatcherOptions, type Flight, type Job, sendOf } from "./job.ts";
import { codeOf, decideStep, type Evidence, type Step } from "./next-step.ts";

export interface HearingOptions extends Pick<DispatcherOptions, "nats" | "observer"> {
  active: ActiveJobs;
  repeat(job: Job): void;
  takeBack(job: Job): void;
  fail(job: Job, code: ErrorCode): void;
}

export interface Hearing {
  /** Takes the next step of the flights that the evidence concerns. */
  hear(evidence: Evidence, concerns: (flight: Flight) => boolean): void;
  step(job: Job, evidence: Evidence): Step;
}

export function createHearing({ nats, observer, active, repeat, takeBack, fail }: HearingOptions): Hearing {
  const step = (job: Job, evidence: Evidence): Step => {
    const next = decideStep(evidence, sendOf(job));
    const isOver = next === "repeat" || next === "fail";
    if (isOver && evidence !== "nats-was-away") observer.replied(job.service, "consumer_died");
    if (next === "repeat") repeat(job);
    if (next === "elsewhere") takeBack(job);
    if (next === "fail") fail(job, codeOf(evidence));
    return next;
  };
  /** Hears of the requests that are still under way when all answers of now have come. */
  const ask = async (concerns: (flight: Flight) => boolean) => {
    const flights = active.inFlight().map(({ flight }) => flight);
    await flushLines(nats, flights.filter(concerns));
    hear("asked", concerns);
  };
  const hear: Hearing["hear"] = (evidence, concerns) => {
    let mustAsk = false;
    for (const { job, flight } of active.inFlight())
      if (concerns(flight) && step(job, evidence) === "ask") mustAsk = true;
    if (mustAsk) void ask(concerns);
  };
  return { hear, step };
}
