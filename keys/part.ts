/** The parts of sealed streams: their size, and the fields of their headers. */

/** The bytes of every part but the last. */
export const MAX_PART_BYTES = 64 * 1024;

/** The random id of the stream. */
export const STREAM = "nrs";
/** The number of the part, from 0. */
export const NUMBER = "nrn";
export const IS_LAST = "nrl";
