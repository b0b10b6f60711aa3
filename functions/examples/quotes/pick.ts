import quotes from "./quotes.json" with { type: "json" };

export interface Quote {
  text: string;
  by: string;
}

export const quoteCount = quotes.length;

/** Picks a quote by its number, counted from 1. */
export function pickQuote(number: number): Quote | undefined {
  return quotes[number - 1];
}

export function pickRandomQuote(): Quote | undefined {
  return pickQuote(1 + Math.floor(Math.random() * quotes.length));
}
