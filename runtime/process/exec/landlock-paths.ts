/** The paths of `landlock` in a spec: presets by their names in the original toolkit, and paths of the spec's own. */
import type { Landlock } from "../../../contracts/index.ts";

export interface AllowedPath {
  path: string;
  isWritable: boolean;
}

const PRESETS: Record<
  Exclude<keyof Landlock, "paths">,
  { read: readonly string[]; write: readonly string[] }
> = {
  shared: {
    read: ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache"],
    write: [],
  },
  stdio: { read: ["/dev/zero", "/dev/urandom", "/dev/random"], write: ["/dev/null", "/dev/full"] },
  tty: { read: [], write: ["/dev/tty", "/dev/pts", "/dev/ptmx"] },
  tmp: { read: [], write: ["/tmp"] },
  vminfo: { read: ["/proc/meminfo", "/proc/cpuinfo", "/sys/kernel/mm/transparent_hugepage"], write: [] },
  dns: {
    read: ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"],
    write: [],
  },
  certs: { read: ["/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates"], write: [] },
};

/** The paths that a program may use, its own folder first. */
export function pathsOf({ paths = [], ...presets }: Landlock, root: string): AllowedPath[] {
  const named = Object.entries(presets).flatMap(([name, isOn]) => {
    const preset = PRESETS[name as keyof typeof PRESETS];
    if (isOn !== true || preset === undefined) return [];
    return [
      ...preset.read.map((path) => ({ path, isWritable: false })),
      ...preset.write.map((path) => ({ path, isWritable: true })),
    ];
  });
  const own = paths.map(({ path, modes }) => ({ path, isWritable: /[wc]/.test(modes) }));
  return [...named, ...own, { path: root, isWritable: true }];
}
