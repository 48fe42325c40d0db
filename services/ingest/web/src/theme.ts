import { Store } from "./store.ts";

export type Theme = "auto" | "light" | "dark";

const KEY = "fhirbus-theme";

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "auto";
  } catch {
    return "auto";
  }
}

/** auto follows the system. */
export const theme = new Store<Theme>(stored());

function apply(value: Theme): void {
  if (value === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", value);
}

theme.watch((value) => {
  apply(value);
  try {
    localStorage.setItem(KEY, value);
  } catch {
    /* not kept, then */
  }
});
apply(theme.value);
