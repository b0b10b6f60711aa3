import {
  type Manifest,
  type Mode,
  type NodeState,
  subjects,
  type Trial,
  type TrialReply,
  TrialSchema,
} from "../../contracts/index.ts";
import { connectNats, type Nats, openBinaries, openNodeStates, openRevisions } from "../../nats/index.ts";
import { startTestNats } from "../../test/harness/nats.ts";

export interface NatsWorld extends AsyncDisposable {
  nats: Nats;
}

/** A nats-server and a connection to it. */
export async function startNatsWorld(): Promise<NatsWorld> {
  const server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "test" });
  return {
    nats,
    async [Symbol.asyncDispose]() {
      await nats.close();
      await server.close();
    },
  };
}

/** Announces a node that runs functions. */
export async function announceNode(
  nats: Nats,
  node: string,
  { status = "running", modes = ["isolate"] }: { status?: NodeState["status"]; modes?: Mode[] } = {},
): Promise<void> {
  const now = new Date().toISOString();
  await (await openNodeStates(nats)).put(node, {
    node_id: node,
    last_seen: now,
    version: "0.0.0",
    start_time: now,
    managed_instances: [],
    status,
    os: "linux",
    arch: "amd64",
    labels: {},
    problems: [],
    capacity: { maxInstances: 10, modes },
  });
}

/** A node from the view of a push: it is announced and answers trials by the contract. It records its trials. */
export async function startTrialNode(
  nats: Nats,
  node: string,
  answer: (trial: Trial) => TrialReply | undefined | Promise<TrialReply | undefined>,
): Promise<Trial[]> {
  const trials: Trial[] = [];
  nats.subscribe(subjects.trial(node), (message) => {
    const trial = TrialSchema.parse(JSON.parse(message.text()));
    trials.push(trial);
    void Promise.resolve(answer(trial)).then((reply) => reply && message.respond(JSON.stringify(reply)));
  });
  await nats.flush();
  await announceNode(nats, node);
  return trials;
}

/** The storage accesses of a node in a trial: it reads the manifest, the bundle and the map. */
export async function readAsNode(nats: Nats, trial: Trial): Promise<Manifest> {
  const stored = await (await openRevisions(nats)).get(`${trial.function}.${trial.revision}`);
  if (!stored?.ok) throw new Error("no such revision");
  const binaries = await openBinaries(nats);
  await binaries.get(stored.value.bundle.sha256);
  await binaries.get(stored.value.sourceMap.sha256);
  return stored.value;
}
