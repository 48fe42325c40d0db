import { Text } from "./Text.tsx";

type Tone = "good" | "warn" | "bad" | "info" | "mute";

const states: Record<string, [Tone, string]> = {
  received: ["mute", "received"],
  expired: ["mute", "expired"],
  NONE: ["mute", "none"],
  ACCEPT_FHIR_BUNDLE: ["info", "received"],
  HL7_ACCEPT: ["info", "HL7 received"],
  CSV_ACCEPT: ["info", "CSV received"],
  CCDA_ACCEPT: ["info", "CCDA received"],
  VALIDATION_SUCCESS: ["good", "validated"],
  VALIDATION_FAILED: ["bad", "invalid"],
  CONVERTED_TO_FHIR: ["info", "converted"],
  FHIR_CONVERSION_FAILED: ["bad", "not converted"],
  DISPOSITION: ["info", "decided"],
  FORWARD: ["info", "on its way"],
  COMPLETE: ["good", "complete"],
  FAIL: ["bad", "failed"],
};

const tones: Record<string, Tone> = {
  accept: "good", reject: "warn", discard: "bad",
  fatal: "bad", error: "bad", warning: "warn", information: "info",
  high: "bad", medium: "warn", low: "info",
  running: "info", done: "good", cancelled: "mute", "dry run": "mute", failed: "bad",
};

export function StateBadge({ state }: { state: string | null }) {
  const known = state ? states[state] : undefined;
  if (!known) return <Badge word={state} />;
  return <span class={`badge ${known[0]}`} title={state ?? undefined}>{known[1]}</span>;
}

export function Badge({ word, tone }: { word: string | null | undefined; tone?: Tone }) {
  if (!word) return <span class="none">–</span>;
  return <span class={`badge ${tone ?? tones[word] ?? "mute"}`}><Text value={word} max={60} brief /></span>;
}

export function Valid({ valid }: { valid: boolean | null | undefined }) {
  if (valid === null || valid === undefined) return <span class="none">–</span>;
  return <span class={`badge ${valid ? "good" : "bad"}`}>{valid ? "valid" : "invalid"}</span>;
}

export function stateWord(state: string): string {
  return states[state]?.[1] ?? state;
}
