/** The addresses of Runtara's doors; those of doors that are not open are missing. */
export interface RuntaraAddresses {
  /** The base URL of the HTTP door. */
  runtaraHttp?: string;
  /** `HOST:PORT` of the UDP port for programs. */
  runtaraQuic?: string;
  /** `HOST:PORT` of the UDP port for managers. */
  runtaraQuicEnvironment?: string;
}

/** The flags by which a node-runner opens its doors at these addresses. */
export function runtaraFlags({
  runtaraHttp,
  runtaraQuic,
  runtaraQuicEnvironment,
}: RuntaraAddresses): string[] {
  return [
    ...(runtaraHttp === undefined ? [] : ["--runtara-http", new URL(runtaraHttp).host]),
    ...(runtaraQuic === undefined ? [] : ["--runtara-quic", runtaraQuic]),
    ...(runtaraQuicEnvironment === undefined ? [] : ["--runtara-quic-environment", runtaraQuicEnvironment]),
  ];
}
