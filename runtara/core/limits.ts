/** Upper bound of a state, an input or an output. */
export const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
/** Upper bound of an image's file. */
export const MAX_IMAGE_BYTES = 256 * 1024 * 1024;
/** Upper bound of the variables that a start gives its program, as JSON. */
export const MAX_ENV_BYTES = 128 * 1024;
