/**
 * Upper bound of the young generation of each isolate, as there may be a thousand. V8 reads the flag for each new heap: that of
 * the host's own thread stays as it is.
 */
export const YOUNG_MB = 1;
