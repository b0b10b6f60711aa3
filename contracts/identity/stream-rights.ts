/** The subjects of JetStream that reach one stream, bucket or object store. */

/** `$JS.API` subjects that every user of JetStream asks. They tell figures of the account and change nothing. */
export const jetStreamFacts = ["$JS.API.INFO"] as const;

export const kvStream = (bucket: string) => `KV_${bucket}`;
export const objectStream = (bucket: string) => `OBJ_${bucket}`;

/** Reading by direct gets, by the leader, and by consumers of the reader's own. */
export function streamReads(stream: string): string[] {
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    ...consumerUses(stream),
  ];
}

/** Making, reading and removing consumers. */
function consumerUses(stream: string): string[] {
  return [
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.*`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.LIST.${stream}`,
    `$JS.API.CONSUMER.NAMES.${stream}`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.ACK.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ];
}

/** Removing messages. */
export function streamRemovals(stream: string): string[] {
  return [`$JS.API.STREAM.PURGE.${stream}`, `$JS.API.STREAM.MSG.DELETE.${stream}`];
}

/** Every request of the API that names a stream, in whichever place. */
export function streamApi(stream: string): string[] {
  return [
    `$JS.API.STREAM.*.${stream}`,
    `$JS.API.STREAM.*.*.${stream}`,
    `$JS.API.STREAM.*.${stream}.>`,
    `$JS.API.STREAM.*.*.${stream}.>`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.API.CONSUMER.*.${stream}`,
    `$JS.API.CONSUMER.*.${stream}.>`,
    `$JS.API.CONSUMER.*.*.${stream}`,
    `$JS.API.CONSUMER.*.*.${stream}.>`,
    `$JS.ACK.${stream}.>`,
  ];
}

/** Requests of the API by which a stream is changed or lost. */
export function streamChanges(stream: string): string[] {
  return [
    `$JS.API.STREAM.UPDATE.${stream}`,
    `$JS.API.STREAM.DELETE.${stream}`,
    `$JS.API.STREAM.RESTORE.${stream}`,
    ...streamRemovals(stream),
  ];
}

/** The subjects of a bucket's values. */
export const kvValues = (bucket: string) => `$KV.${bucket}.>`;
/** The subjects of an object store's objects. */
export const objectValues = (bucket: string) => `$O.${bucket}.>`;

export const kvReads = (bucket: string) => streamReads(kvStream(bucket));
export const kvWrites = (bucket: string) => [...kvReads(bucket), kvValues(bucket)];
export const objectReads = (bucket: string) => streamReads(objectStream(bucket));
export const objectWrites = (bucket: string) => [
  ...objectReads(bucket),
  ...streamRemovals(objectStream(bucket)),
  objectValues(bucket),
];
