/**
 * Rendezvous (highest random weight) hashing (Thaler and Ravishankar, 1998). All parties that know the same nodes compute the
 * same order for a key, without a message. A node that joins or leaves moves only its own share.
 */
export function rankNodes<T extends { node: string }>(key: string, nodes: Iterable<T>): T[] {
  return [...nodes]
    .map((node) => ({ node, weight: weightOf(key, node.node) }))
    .sort((a, b) => b.weight - a.weight || (a.node.node < b.node.node ? -1 : 1))
    .map(({ node }) => node);
}

/** 32-bit FNV-1a over key and node, then a finaliser, as FNV alone spreads short strings badly. */
function weightOf(key: string, node: string): number {
  let hash = 0x811c9dc5;
  for (const character of `${key}\0${node}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
