/** The reason why a file cannot be started. */
export class FormatFault extends Error {}
