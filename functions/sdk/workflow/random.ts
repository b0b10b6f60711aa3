/** Random numbers that come again in the same order for the same seed (sfc32). Not for secrets. */
export function createRandom(seed: string): () => number {
  let [a, b, c, d] = hashOf(seed);
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return (t >>> 0) / 4_294_967_296;
  };
  for (let round = 0; round < 12; round += 1) next();
  return next;
}

/** A UUID of version 4 out of such numbers. */
export function uuidOf(random: () => number): string {
  const digits = Array.from({ length: 32 }, () => Math.floor(random() * 16));
  digits[12] = 4;
  digits[16] = 8 + ((digits[16] ?? 0) % 4);
  const hex = digits.map((digit) => digit.toString(16)).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Four words of a text (cyrb128). */
function hashOf(text: string): [number, number, number, number] {
  const factors = [597_399_067, 2_869_860_233, 951_274_213, 2_716_044_179] as const;
  const words: [number, number, number, number] = [
    1_779_033_703, 3_144_134_277, 1_013_904_242, 2_773_480_762,
  ];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    for (const [at, factor] of factors.entries())
      words[at] = (words[(at + 1) % 4] ?? 0) ^ Math.imul((words[at] ?? 0) ^ code, factor);
  }
  return words;
}
