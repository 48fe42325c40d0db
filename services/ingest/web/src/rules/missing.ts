import type { Tried } from "../data.ts";
import { count } from "../format.ts";

/** What there is to say of those that were not tried: ids that nothing is known of, bytes that are gone. */
export function missing(tried: Tried, asked: number): string[] {
  if (tried.problems.length) return [];
  const unknown = asked - tried.tried.length - tried.left_out;
  const said: string[] = [];
  if (asked && unknown > 0) said.push(`${unknown === asked ? (asked === 1 ? "The interaction that was asked for is" : "The interactions that were asked for are") : `${count(unknown)} of the ${count(asked)} interactions that were asked for ${unknown === 1 ? "is" : "are"}`} not known here, not judged yet, or not of your tenants.`);
  if (tried.left_out) said.push(`Of ${count(tried.left_out)} the bytes are no longer kept.`);
  if (!asked && !tried.tried.length && !tried.left_out) said.push("There is no interaction yet that was judged, to try it on.");
  return said;
}
