/**
 * Every subject that narun publishes or subscribes to. `<service>` itself, with queue group `q`, carries requests
 * (compatible with the original Go toolkit); the rest is ours. Names and ids are single subject tokens.
 */
export const subjects = {
  /** Requests for one instance: the second endpoint of its service. */
  instanceRequests: (instance: string) => `narun.i.${tokensOf(instance)}`,
  /** The same for callers that are functions. The service's name in it makes the right to call narrow (identity/roles.ts). */
  serviceCalls: (service: string, instance: string) => `narun.c.${service}.${tokensOf(instance)}`,
  /** The frames that the asking side of an exchange sends after its request (see wire/stream.ts). */
  streamControl: (instance: string, token: string) => `narun.s.${tokensOf(instance)}.${token}`,
  streamControlAll: (instance: string) => `narun.s.${tokensOf(instance)}.>`,
  /** Request/reply: which requests are under way at an instance (inquiry.ts). Within `streamControlAll`. */
  inquiries: (instance: string) => `narun.s.${tokensOf(instance)}.ask`,
  /** The same to all gateways, until the asking side knows which gateway took its request. */
  streamControlToAny: (token: string) => `narun.s.any.${token}`,
  streamControlToAnyAll: "narun.s.any.>",
  /** Request/reply: which calls are under way at the gateways. Each answers; within `streamControlToAnyAll`. */
  inquiriesToGateways: "narun.s.any.ask",
  /** Heartbeat of a peer with open streams, once a second. */
  peerHeartbeat: (peer: string) => `narun.peer.${peer}`,
  peerHeartbeatsAll: "narun.peer.*",
  /** Request/reply: start one instance of a function on a node (see demand.ts). */
  demand: (node: string) => `narun.demand.${node}`,
  /** Request/reply: evaluate a revision once on a node, in a throwaway isolate (see demand.ts). */
  trial: (node: string) => `narun.try.${node}`,
  /** Request/reply: call a function, waking it where it sleeps. Answered by the gateways, queue group `q`. */
  invoke: (service: string) => `narun.invoke.${service}`,
  invokeAll: "narun.invoke.*",
  /** Life-cycle announcements of one instance (see instance.ts). */
  announcement: (service: string, instance: string) => `narun.instance.${service}.${instance}`,
  announcementsAll: "narun.instance.*.*",
  /** Fast heartbeat of a node, once a second (see node.ts). */
  heartbeat: (node: string) => `narun.node.${node}`,
  /** Request/reply: whether a runner's claim of its node's name still stands (see node.ts). */
  claim: (node: string, epoch: string) => `narun.claim.${node}.${epoch}`,
  heartbeatsAll: "narun.node.*",
  /** The messages of a workflow's journal from outside (workflow.ts). */
  workflowInputs: (workflow: string, id: string) => `narun.w.${workflow}.${id}.in`,
  workflowInputsAll: "narun.w.*.*.in",
  /** The records of a workflow's executor. */
  workflowLog: (workflow: string, id: string) => `narun.w.${workflow}.${id}.log`,
  workflowLogsAll: "narun.w.*.*.log",
  workflowLogs: (workflow: string) => `narun.w.${workflow}.*.log`,
  /** The schedule of a workflow's next timer, which fires into its inputs. */
  workflowTimer: (workflow: string, id: string) => `narun.w.${workflow}.${id}.at`,
  /** All that is stored of a workflow. */
  workflowAll: (workflow: string, id: string) => `narun.w.${workflow}.${id}.*`,
  workflowsAll: "narun.w.>",
  /** Request/reply: whether a runner runs a workflow. The runner that does answers. */
  workflowAsk: "narun.wask",
  /** The last record of a workflow, for clients that wait. Not stored. */
  workflowEnd: (workflow: string, id: string) => `narun.wend.${workflow}.${id}`,
  /** A log line of an instance (see log.ts; compatible). */
  log: (app: string, node: string) => `logs.${app}.${node}`,
  /** Names of the original toolkit's nodes may have dots. */
  logsOf: (app: string) => `logs.${app}.>`,
  logsAll: "logs.>",
  /** A status event of an instance (see instance.ts; compatible). */
  status: (app: string, node: string) => `status.${app}.${node}`,
  statusesOf: (app: string) => `status.${app}.>`,
  statusesAll: "status.>",
  /** A dead letter in `narun-dead-letters` (dead-letter.ts). */
  deadLetter: (service: string, stream: string) => `narun.dead.${service}.${stream}`,
  deadLettersAll: "narun.dead.*.*",
  /** A call in the stream `narun-calls` that waits, or runs (calls.ts). */
  call: (service: string) => `narun.calls.run.${service}`,
  callsAll: "narun.calls.run.*",
  /** A result in the same stream that is to be posted. */
  callback: (service: string) => `narun.calls.back.${service}`,
  callbacksAll: "narun.calls.back.*",
  /** A call or a callback of a function was stored: nodes look for it (all: `narun.call.stored.*`). */
  callStored: (service: string) => `narun.call.stored.${service}`,
  callsStoredAll: "narun.call.stored.*",
  /** A call came to its end. */
  callEnded: (id: string) => `narun.call.ended.${id}`,
  /** In `narun-schedules`: the state of a schedule (schedules.ts). */
  scheduleState: (service: string, schedule: string) => `narun.schedule.state.${service}.${schedule}`,
  /** Its alarm: a message schedule of the server, which puts a message on `scheduleDue` at the next tick. */
  scheduleAlarm: (service: string, schedule: string) => `narun.schedule.alarm.${service}.${schedule}`,
  scheduleDue: (service: string, schedule: string) => `narun.schedule.due.${service}.${schedule}`,
  /** A run that is handed out to a runner: `<schedule>.<id>`. */
  scheduleRun: (service: string, run: string) => `narun.schedule.run.${service}.${run}`,
  schedulesAll: "narun.schedule.>",
  /** In `narun-schedule-runs`: the ends of runs (schedules.ts). */
  scheduleRecord: (service: string, schedule: string) => `narun.scheduled.${service}.${schedule}`,
  scheduleRecordsAll: "narun.scheduled.*.*",
  /** An event that is published, in `narun-events` (events.ts). `subject`: its own one, or a pattern; `lane`: or `*`. */
  event: (lane: number | string, subject: string) => `narun.e.${lane}.${subject}`,
  eventsAll: "narun.e.>",
  /** The same with its sequence, told by the server when it is stored. */
  eventNews: (pattern: string) => `narun.en.*.${pattern}`,
  eventNewsAll: "narun.en.>",
  /** In `narun-events-retained`: the last retained event of a subject. */
  retainedEvent: (subject: string) => `narun.er.${subject}`,
  retainedEventsAll: "narun.er.>",
  /** The beginnings of the subjects of Runtara's streams (stores.ts). */
  runtaraRecords: "narun.runtara.state",
  runtaraEvents: "narun.runtara.event",
  runtaraRuns: "narun.runtara.run",
  /** Request/reply: become a node of the network, with the right in a token. The same in all worlds. */
  join: "$NARUN.join",
  /** To the node that runs an instance of Runtara: look at its record now. */
  runtaraOrder: (instance: string) => `narun.runtara.order.${instance}`,
} as const;

/** The id of an instance has the name of its host before it where hosts have logins of their own (identity/host-tags.ts). */
function tokensOf(instance: string): string {
  return instance.replace("~", ".");
}

/** The queue group of every request endpoint (compatible). */
export const REQUEST_QUEUE = "q";

/** The endpoint names of an instance's NATS Micro service. `handler` is compatible; `direct` and `calls` are ours. */
export const endpointNames = { shared: "handler", direct: "direct", calls: "calls" } as const;
