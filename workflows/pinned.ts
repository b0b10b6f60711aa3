/**
 * The revisions that workflows began with. Another revision than the live one runs as a function of its own, without routes, whose
 * name is made of both: it sleeps and wakes as every function does.
 *
 * I1  A pinned function is made when a workflow needs it, and removed when no waiting workflow names its revision.
 */
import { type FunctionSpec, type JournalMessage, revisionKey, shortRevision } from "../contracts/index.ts";
import { type Nats, openRevisions, openSpecs } from "../nats/index.ts";
import type { TriggerCalls } from "../triggers/index.ts";

const MAX_NAME_LENGTH = 63;
/** How long a spec that was written may take to be known here. */
const KNOWN_MS = 5_000;
const LOOK_MS = 20;

export interface PinnedOptions {
  nats: Nats;
  calls: TriggerCalls;
}

/** A function that runs a workflow's code, and its revision. */
export interface Code {
  service: string;
  revision: string | undefined;
}

export class Pinned {
  readonly #options: PinnedOptions;

  constructor(options: PinnedOptions) {
    this.#options = options;
  }

  /** The function for a workflow's journal: the live one where the workflow has not begun, or its revision is gone. */
  async codeFor(workflow: string, messages: readonly JournalMessage[]): Promise<Code> {
    const dispatch = await this.#options.calls.dispatch();
    const live = { service: workflow, revision: dispatch.specOf(workflow)?.revision };
    const revision = revisionOf(messages);
    if (revision === undefined || live.revision === undefined || revision === live.revision) return live;
    const service = pinnedName(workflow, revision);
    if (service.length > MAX_NAME_LENGTH) return live;
    const isThere = dispatch.specOf(service) !== undefined || (await this.#make(workflow, revision, service));
    if (!isThere) return live;
    const endsAt = performance.now() + KNOWN_MS;
    while (dispatch.specOf(service) === undefined && performance.now() < endsAt)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    return { service, revision };
  }

  /** Removes the pinned functions whose revisions no workflow needs. `needed`: their names. */
  async prune(needed: ReadonlySet<string>): Promise<void> {
    const specs = await openSpecs(this.#options.nats);
    const revisions = await openRevisions(this.#options.nats);
    for (const read of await specs.list()) {
      if (!read.ok || read.value.kind !== "function") continue;
      const { name, revision, workflowOf } = read.value.spec;
      if (workflowOf === undefined || needed.has(name)) continue;
      await specs.delete(name);
      await revisions.delete(revisionKey(name, revision));
    }
  }

  /** False: the revision is not kept any more. */
  async #make(workflow: string, revision: string, name: string): Promise<boolean> {
    const revisions = await openRevisions(this.#options.nats);
    const read = await revisions.get(revisionKey(workflow, revision));
    if (read === undefined || !read.ok) return false;
    await revisions.create(revisionKey(name, revision), read.value);
    const { scale, ...config } = read.value.config;
    const spec: FunctionSpec = {
      ...config,
      ...{ name, revision, routes: [], workflowOf: workflow },
      scale: { ...scale, min: 0 },
    };
    for (const key of ["schedule", "subscribe", "consume", "grpc", "hosts"] as const) delete spec[key];
    await (await openSpecs(this.#options.nats)).create(name, { kind: "function", spec });
    return true;
  }
}

/** The name of the function that runs a revision which is not live. */
export function pinnedName(workflow: string, revision: string): string {
  return `${workflow}--${shortRevision(revision)}`;
}

/** The revision of a journal: that of its run, or that of the last migration. */
function revisionOf(messages: readonly JournalMessage[]): string | undefined {
  const base = messages.findLast(({ log }) => log?.state === "continued")?.seq ?? 0;
  const of = messages.findLast(
    ({ seq, log, in: input }) => seq > base && (log?.rev !== undefined || input?.t === "migrate"),
  );
  return of?.in?.t === "migrate" ? of.in.revision : of?.log?.rev;
}
