/**
 * The rights of each role at NATS. It is the one table from which the users of narun's servers are made, and the table in docs/roles.md.
 *
 * Each role is a signing key of the account, and its rights are the template of that key (nats/identity/). A user's own JWT has
 * no rights in it, only a name and, for hosts, tags (host-tags.ts): the key of a role makes users of that role,
 * and none with more.
 *
 * `*` in the second place of a subject of narun stands for the id of the world.
 */
import { REGISTRY_SERVICE } from "../registry-service.ts";
import { stores } from "../stores.ts";
import { subjects } from "../subjects.ts";
import {
  jetStreamFacts,
  kvReads,
  kvStream,
  kvValues,
  kvWrites,
  objectReads,
  objectStream,
  objectValues,
  objectWrites,
  streamApi,
  streamChanges,
  streamReads,
} from "./stream-rights.ts";

export const ROLES = ["gateway", "node", "host", "author", "cli", "join"] as const;
export type Role = (typeof ROLES)[number];

/** Subjects, wildcards allowed. `deny` wins. */
export interface SubjectRights {
  allow: readonly string[];
  deny?: readonly string[];
}

export interface RoleRights {
  /** For people. */
  says: string;
  publish: SubjectRights;
  subscribe: SubjectRights;
}

/**
 * The first token of a role's inboxes. The second is the user's name, so that no user hears another's replies. `_INBOX` is left to
 * programs and to clients of others.
 */
export const inboxRoots: Readonly<Record<Role, string>> = {
  gateway: "_GATEWAY",
  node: "_NODE",
  host: "_HOST",
  author: "_AUTHOR",
  cli: "_CLI",
  join: "_JOIN",
};

const ownInbox = (role: Role) => `${inboxRoots[role]}.{{name()}}.>`;
/** Where answers go. Inboxes have random names. */
const replies = ["_INBOX.>", ...Object.values(inboxRoots).map((root) => `${root}.>`)];
/** The inboxes of all other roles. */
const foreignInboxes = (role: Role) =>
  ROLES.filter((other) => other !== role).map((other) => `${inboxRoots[other]}.>`);

/** Calls are taken from clients that know no world, too. */
const invokes = (service: string) => [`narun.invoke.${service}`, `narun.*.invoke.${service}`];

/** A subject of narun's own in any world. */
const own = (subject: string) => subject.replace(/^narun\./, "narun.*.");

const OWN_BUCKETS = Object.values(stores).flatMap((store) => ("bucket" in store ? [store.bucket] : []));
const OWN_OBJECTS = Object.values(stores).flatMap((store) => ("objects" in store ? [store.objects] : []));
const OWN_STREAMS = [
  ...Object.values(stores).flatMap((store) => ("stream" in store ? [store.stream] : [])),
  stores.runtara.records,
  stores.runtara.events,
  stores.runtara.runs,
];

const eventStreams: readonly string[] = [stores.events.stream, stores.retainedEvents.stream];
/** Streams of which hosts read the subjects of their own functions. */
const readByHosts: readonly string[] = [stores.workflows.stream, ...eventStreams];

/** Buckets that authors write and nodes only read. */
const deployed = { buckets: [stores.configs, stores.revisions, stores.secrets].map(({ bucket }) => bucket) };
/** Buckets that nodes only read. The root's signature protects the directory of keys as well. */
const readOnlyOfNodes = [...deployed.buckets, stores.keys.bucket, stores.network.bucket];
const deployedObjects = [stores.binaries.objects, stores.files.objects];

/** Functions that wait for calls, and their results: doors accept them. */
const asyncCalls = [
  ...streamReads(stores.calls.stream),
  ...kvWrites(stores.callRecords.bucket),
  ...kvWrites(stores.callKeys.bucket),
  ...objectWrites(stores.bodies.objects),
  own("narun.calls.>"),
  own("narun.call.>"),
];

/** Events at the gateway's door. */
const eventReads = [...streamReads(stores.events.stream), ...streamReads(stores.retainedEvents.stream)];

/** Streams and buckets that the first user makes. */
const gatewayStores = [
  ...[stores.configs, stores.nodes, stores.revisions, stores.callRecords, stores.callKeys].map(({ bucket }) =>
    kvStream(bucket),
  ),
  ...[stores.binaries, stores.bodies].map(({ objects }) => objectStream(objects)),
  stores.calls.stream,
  stores.events.stream,
  stores.retainedEvents.stream,
];

export const roleRights: Readonly<Record<Role, RoleRights>> = {
  gateway: {
    says: "takes requests from clients and brings them to instances",
    publish: {
      allow: [
        ...jetStreamFacts,
        ...replies,
        // Functions and consumers by their names.
        "*",
        "$SRV.>",
        own("narun.i.>"),
        own("narun.s.>"),
        own("narun.peer.*"),
        own("narun.demand.*"),
        own("narun.claim.*.*"),
        ...invokes("*"),
        ...kvReads(stores.configs.bucket),
        ...kvReads(stores.nodes.bucket),
        ...kvReads(stores.revisions.bucket),
        ...objectReads(stores.binaries.objects),
        ...kvReads(stores.toolKeys.bucket),
        ...eventReads,
        ...asyncCalls,
        ...gatewayStores.map((stream) => `$JS.API.STREAM.CREATE.${stream}`),
        // The registry tells of services.
        own(subjects.event("*", `${REGISTRY_SERVICE}.>`)),
      ],
    },
    subscribe: {
      allow: [
        ownInbox("gateway"),
        REGISTRY_SERVICE,
        `${REGISTRY_SERVICE}.*`,
        "$SRV.>",
        own("narun.s.>"),
        own("narun.peer.*"),
        ...invokes("*"),
        own(subjects.announcementsAll),
        own(subjects.heartbeatsAll),
        own("narun.call.>"),
        own(subjects.eventNewsAll),
      ],
    },
  },
  node: {
    says: "runs functions, programs, schedules, queues and workflows; makes the logins of its hosts",
    publish: {
      // Triggers and programs speak on the subjects that functions name.
      allow: [">"],
      deny: [
        "$SYS.>",
        own("narun.try.*"),
        ...readOnlyOfNodes.map(kvValues),
        ...readOnlyOfNodes.flatMap((bucket) => streamChanges(kvStream(bucket))),
        ...deployedObjects.flatMap((bucket) => [
          `$O.${bucket}.M.>`,
          `$JS.API.STREAM.UPDATE.${objectStream(bucket)}`,
          `$JS.API.STREAM.DELETE.${objectStream(bucket)}`,
        ]),
      ],
    },
    subscribe: {
      allow: [">"],
      deny: [...foreignInboxes("node"), "$SYS.>", "$KV.>", "$O.>", "$NARUN.>"],
    },
  },
  host: {
    says: "a process with the code of functions: for these functions and their bindings alone, for an hour at most",
    publish: {
      allow: [
        ...jetStreamFacts,
        ...replies,
        own("narun.peer.*"),
        own(subjects.inquiriesToGateways),
        own("narun.instance.{{tag(fn)}}.*"),
        "logs.{{tag(fn)}}.*",
        // Calls of other functions, and their streams.
        "{{tag(svc)}}",
        ...invokes("{{tag(svc)}}"),
        own("narun.c.{{tag(svc)}}.>"),
        "$SRV.PING.{{tag(svc)}}",
        own("narun.s.{{tag(streams)}}"),
        "{{tag(pub)}}",
        ...kvWrites("{{tag(kv)}}"),
        ...objectWrites("{{tag(obj)}}"),
        // Events that it may publish, with their retained ones, and the last ones that it may hear.
        own(subjects.event("*", "{{tag(say)}}")),
        own(subjects.retainedEvent("{{tag(say)}}")),
        lastMessage(stores.retainedEvents.stream, own(subjects.retainedEvent("{{tag(say)}}"))),
        ...lastEvents("{{tag(hear)}}"),
        ...eventStreams.map((stream) => `$JS.API.STREAM.INFO.${stream}`),
        // Journals of its own workflows, and of its bindings.
        own("narun.w.{{tag(wf)}}.>"),
        own("narun.wend.{{tag(wf)}}.*"),
        ...journalReads("{{tag(wf)}}"),
      ],
      deny: [
        "$SYS.>",
        "$NARUN.>",
        "status.>",
        ...[subjects.demand("*"), subjects.trial("*"), subjects.heartbeat("*"), subjects.claim("*", "*")].map(
          own,
        ),
        ...OWN_BUCKETS.map(kvValues),
        ...OWN_OBJECTS.map(objectValues),
        ...OWN_BUCKETS.flatMap((bucket) => streamApi(kvStream(bucket))),
        ...OWN_OBJECTS.flatMap((bucket) => streamApi(objectStream(bucket))),
        ...OWN_STREAMS.filter((stream) => !readByHosts.includes(stream)).flatMap(streamApi),
        ...["CREATE", "UPDATE", "DELETE", "RESTORE", "SNAPSHOT"].map((order) => `$JS.API.STREAM.${order}.>`),
        `$JS.API.CONSUMER.*.${stores.workflows.stream}.${stores.workflows.consumer}`,
        `$JS.API.CONSUMER.*.*.${stores.workflows.stream}.${stores.workflows.consumer}`,
      ],
    },
    subscribe: {
      allow: [
        ownInbox("host"),
        ...["$SRV.*", "$SRV.*.{{tag(fn)}}", "$SRV.*.{{tag(fn)}}.*"],
        "{{tag(fn)}}",
        "{{tag(act)}}.>",
        own("narun.i.{{name()}}.*"),
        own("narun.c.{{tag(fn)}}.{{name()}}.*"),
        // The instances of the functions that it may call.
        own("narun.instance.{{tag(svc)}}.*"),
        own("narun.s.{{name()}}.>"),
        own("narun.peer.*"),
        own(subjects.workflowAsk),
        own("narun.w.{{tag(wf)}}.*.in"),
        own("narun.wend.{{tag(wf)}}.*"),
        own(subjects.eventNews("{{tag(hear)}}")),
      ],
    },
  },
  author: {
    says: "pushes functions and secrets, calls them, reads their logs",
    publish: {
      allow: [
        ...jetStreamFacts,
        "*",
        `${REGISTRY_SERVICE}.*`,
        "$SRV.>",
        ...deployed.buckets.flatMap(kvWrites),
        ...deployedObjects.flatMap(objectWrites),
        ...kvReads(stores.nodes.bucket),
        ...streamReads(stores.logs.stream),
        ...[
          ...deployed.buckets.map(kvStream),
          ...deployedObjects.map(objectStream),
          kvStream(stores.nodes.bucket),
        ].map((stream) => `$JS.API.STREAM.CREATE.${stream}`),
        ...invokes("*"),
        ...[subjects.trial("*"), subjects.demand("*"), subjects.claim("*", "*")].map(own),
        own("narun.s.>"),
        own("narun.i.>"),
        own("narun.peer.*"),
      ],
    },
    subscribe: {
      allow: [
        ownInbox("author"),
        "logs.>",
        "status.>",
        own(subjects.announcementsAll),
        own(subjects.heartbeatsAll),
        own("narun.peer.*"),
        own("narun.s.any.>"),
      ],
    },
  },
  cli: {
    says: "operates everything in its account",
    publish: { allow: [">"] },
    subscribe: { allow: [">"], deny: foreignInboxes("cli") },
  },
  join: {
    says: "asks once to become a node: the right in a token",
    publish: { allow: ["$NARUN.join"] },
    subscribe: { allow: [ownInbox("join")] },
  },
};

/** Journals of the workflows of one function, and no others: each request has a subject in its own subject. */
/** Reading the last message of a subject. */
function lastMessage(stream: string, subject: string): string {
  return `$JS.API.DIRECT.GET.${stream}.${subject}`;
}

function lastEvents(pattern: string): string[] {
  return [
    lastMessage(stores.events.stream, own(subjects.event("*", pattern))),
    lastMessage(stores.retainedEvents.stream, own(subjects.retainedEvent(pattern))),
  ];
}

function journalReads(workflow: string): string[] {
  const { stream } = stores.workflows;
  const journal = own(`narun.w.${workflow}.>`);
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.${journal}`,
    `$JS.API.CONSUMER.CREATE.${stream}.*.${journal}`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.ACK.${stream}.>`,
  ];
}
