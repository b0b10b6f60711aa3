/** One mebibyte in bytes. */
export const MIB = 1024 * 1024;
/** One gibibyte in bytes. */
export const GIB = 1024 * MIB;
