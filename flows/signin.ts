/** What the CRM answers for a customer, as far as we read it. */
interface Customer {
  tier?: string;
}

/** Keep the one fact tokens need; drop the rest of the CRM's answer. */
export function keepTier({ outcome, output }: { outcome: string; output?: Customer }) {
  return { output: {}, vars: { tier: outcome === "ok" && output?.tier ? output.tier : "basic" } };
}
