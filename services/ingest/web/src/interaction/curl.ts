import { payloadPath } from "../data.ts";
import type { One } from "../data.ts";

/** For a POSIX shell: nothing in single quotes means anything but the quote itself. What a sender wrote
 *  may hold characters that a terminal obeys when they are pasted: they are of no use here. */
export function quoted(text: string): string {
  return `'${text.replace(/\p{Cc}/gu, "").replaceAll("'", "'\\''")}'`;
}

/** Whoever pastes one has to say who he is; without, the shell says so and does nothing. */
const CREDENTIALS = '-H "${AUTH:?is Authorization: Bearer TOKEN, or X-API-Key: KEY}" ${CA:+--cacert "$CA"}';

/** Ready for a shell: name -> text. What is sent is fetched before, as it is: the page may only have it masked. */
export function curls(o: One, hub: string): [string, string][] {
  const i = o.interaction;
  const tenant = `-H ${quoted(`X-TechBD-Tenant-ID: ${i.tenant_id}`)}`;
  const type = i.content_type ?? "application/fhir+json";
  const file = quoted(`${i.interaction_id}.${type.includes("json") ? "json" : "txt"}`);
  const fetched = `curl --fail ${CREDENTIALS} -o ${file} ${quoted(hub + payloadPath(i.interaction_id, i.tenant_id, "original", true))}`;
  const sent = (route: string) => `${fetched} &&\ncurl ${CREDENTIALS} ${tenant} -H ${quoted(`Content-Type: ${type}`)} --data-binary @${file} ${quoted(hub + route)}`;
  return [
    ["What became of it", `curl ${CREDENTIALS} ${tenant} ${quoted(`${hub}/Bundle/$status/${i.interaction_id}`)}`],
    ["Send its payload again", sent(i.route ?? "/Bundle")],
    ["Judge its payload, hand nothing on", sent("/Bundle/$validate")],
  ];
}
