// Everything the registration hook is given, used as it may be used.
import type { Register, RegisterResult } from "./registration.hook";

export async function client({ action, address, kind, token, client, metadata, statement }: Register): Promise<RegisterResult> {
  if (metadata.redirect_uris?.some((u) => u.startsWith("https://bank."))) return false;
  if (action === "update" && client === undefined) return null;
  const known = (await call("crm", { get: `/partners/${token ?? address}` })).status === 200;
  const name: string = metadata["client_name#de"] ?? metadata.client_name ?? String(statement?.software_name);
  // @ts-expect-error: no such metadata
  metadata.client_nam;
  // @ts-expect-error: it may be missing
  metadata.client_name.length;
  // @ts-expect-error: nothing else happens to a registration
  if (action === "remove") return true;
  return { kind: known ? "partner" : "visitor", metadata: { client_name: `${name} (${kind})`, logo_uri: null, "client_name#de": name } };
}
