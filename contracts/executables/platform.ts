/** An operating system and a processor, by Go's names: `linux`, `amd64`. */
export interface Platform {
  os: string;
  arch: string;
}
