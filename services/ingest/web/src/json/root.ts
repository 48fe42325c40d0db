import sheetText from "./editor.css?inline";

/** CodeMirror makes its styles as it goes. In a document it would add <style> elements, which the policy
 *  forbids; in a shadow root it constructs style sheets, which are scripts' business and allowed. */
let sheet: CSSStyleSheet | null = null;

export function rootIn(host: HTMLElement): { root: ShadowRoot; parent: HTMLElement } {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(sheetText);
  }
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
  const parent = document.createElement("div");
  parent.className = "inside";
  root.replaceChildren(parent);
  return { root, parent };
}
