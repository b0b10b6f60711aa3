import type { Instances } from "./instances.ts";

/** How requests of a service probably leave. */
export interface Ways {
  /** By a socket. */
  hasSocket(service: string): boolean;
  /** To an instance that takes bodies in frames. */
  takesFrames(service: string): boolean;
}

export function createWays(instances: Pick<Instances, "ready">): Ways {
  return {
    hasSocket: (service) => instances.ready(service)[0]?.socket?.link.isOpen === true,
    takesFrames: (service) => instances.ready(service)[0]?.isProgram === false,
  };
}
