/** Go's names of operating systems and processors, where they differ from Node's. */
const GO_OS: Record<string, string> = { win32: "windows" };
const GO_ARCH: Record<string, string> = { x64: "amd64", ia32: "386" };

/** Go's name of an operating system, by Node's: `linux`, `windows`. */
export const goOs = (platform: string) => GO_OS[platform] ?? platform;
/** Go's name of a processor, by Node's: `amd64`, `arm64`. */
export const goArch = (arch: string) => GO_ARCH[arch] ?? arch;
