import type { After, AfterResult } from "./signin.flow";

/** What the CRM answers for a customer, as far as we read it. */
interface Customer {
  tier?: string;
}

/** Keep the one fact tokens need; drop the rest of the CRM's answer. */
export function keepTier({ outcome, output }: After<"customer">): AfterResult {
  const customer: Customer = outcome === "ok" ? output : {};
  return { output: {}, vars: { tier: customer.tier || "basic" } };
}
