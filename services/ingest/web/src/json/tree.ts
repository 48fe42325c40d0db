/** Where everything is in a JSON text: one pass, no objects, numbers and strings left as they are written.
 *
 * Nodes are numbered in document order and lie in typed arrays, so that 10 MiB cost some tens of
 * milliseconds and megabytes. A text that is no JSON gives the tree up to the place that is wrong. */
export const enum Kind {
  Object = 1,
  Array = 2,
  String = 3,
  Word = 4, // numbers, true, false, null
}

export interface Tree {
  text: string;
  count: number;
  kind: Uint8Array;
  /** offsets into text: of the key's opening quote or -1, of the value, behind the value */
  key: Int32Array;
  start: Int32Array;
  end: Int32Array;
  /** of the node that it is in, or -1 */
  parent: Int32Array;
  /** number of the first node behind its subtree */
  after: Int32Array;
  /** offset and reason where it stops being JSON */
  wrong: { at: number; why: string } | null;
}

const QUOTE = 34;
const BACKSLASH = 92;
const DEPTH_MAX = 500;

class Builder {
  count = 0;
  capacity: number;
  kind: Uint8Array;
  key: Int32Array;
  start: Int32Array;
  end: Int32Array;
  parent: Int32Array;
  after: Int32Array;

  constructor(length: number) {
    this.capacity = Math.max(64, length >> 4);
    this.kind = new Uint8Array(this.capacity);
    [this.key, this.start, this.end, this.parent, this.after] = [0, 1, 2, 3, 4].map(() => new Int32Array(this.capacity)) as [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];
  }

  private grow(): void {
    const wider = (old: Int32Array) => {
      const next = new Int32Array(this.capacity);
      next.set(old);
      return next;
    };
    this.capacity *= 2;
    const kind = new Uint8Array(this.capacity);
    kind.set(this.kind);
    this.kind = kind;
    this.key = wider(this.key);
    this.start = wider(this.start);
    this.end = wider(this.end);
    this.parent = wider(this.parent);
    this.after = wider(this.after);
  }

  add(kind: Kind, key: number, start: number, parent: number): number {
    if (this.count === this.capacity) this.grow();
    const node = this.count++;
    this.kind[node] = kind;
    this.key[node] = key;
    this.start[node] = start;
    this.parent[node] = parent;
    return node;
  }

  close(node: number, end: number): void {
    this.end[node] = end;
    this.after[node] = this.count;
  }
}

function blank(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}

/** Behind the closing quote, or -1. */
export function stringEnd(text: string, at: number): number {
  let quote = text.indexOf('"', at + 1);
  while (quote > 0) {
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return -1;
}

function wordEnd(text: string, at: number): number {
  let end = at;
  for (; end < text.length; end++) {
    const c = text.charCodeAt(end);
    const fits = (c >= 48 && c <= 57) || (c >= 97 && c <= 122) || c === 43 || c === 45 || c === 46 || c === 69;
    if (!fits) break;
  }
  return end;
}

class Wrong extends Error {
  constructor(
    readonly at: number,
    why: string,
  ) {
    super(why);
  }
}

/** One value or opening bracket at `at`; returns where to go on and whether something was opened. */
function readValue(b: Builder, text: string, at: number, key: number, parent: number): { at: number; opened: number } {
  const code = text.charCodeAt(at);
  if (code === 123 || code === 91) {
    const node = b.add(code === 123 ? Kind.Object : Kind.Array, key, at, parent);
    return { at: at + 1, opened: node };
  }
  const kind = code === QUOTE ? Kind.String : Kind.Word;
  const end = kind === Kind.String ? stringEnd(text, at) : wordEnd(text, at);
  if (end < 0) throw new Wrong(at, "a text that never ends");
  if (end === at) throw new Wrong(at, "a value is expected");
  b.close(b.add(kind, key, at, parent), end);
  return { at: end, opened: -1 };
}

function read(b: Builder, text: string): void {
  const stack: number[] = [];
  let at = 0;
  let expect: "value" | "first" | "next" = "value";
  const skip = () => {
    while (at < text.length && blank(text.charCodeAt(at))) at++;
  };
  if (text.charCodeAt(0) === 0xfeff) at = 1;
  for (;;) {
    skip();
    const top = stack.length ? stack[stack.length - 1]! : -1;
    if (top < 0 && expect === "next") {
      if (at < text.length) throw new Wrong(at, "something behind the end");
      return;
    }
    if (at >= text.length) throw new Wrong(at, "the text ends too soon");
    const code = text.charCodeAt(at);
    const inObject = top >= 0 && b.kind[top] === Kind.Object;
    if (top >= 0 && expect !== "value" && code === (inObject ? 125 : 93)) {
      b.close(stack.pop()!, ++at);
      expect = "next";
      continue;
    }
    if (expect === "next") {
      if (code !== 44) throw new Wrong(at, "a comma or the end of the list is expected");
      at++;
      expect = "value";
      skip();
    }
    let key = -1;
    if (inObject) {
      if (text.charCodeAt(at) !== QUOTE) throw new Wrong(at, "a name in quotes is expected");
      key = at;
      at = stringEnd(text, at);
      if (at < 0) throw new Wrong(key, "a name that never ends");
      skip();
      if (text.charCodeAt(at) !== 58) throw new Wrong(at, "a colon is expected");
      at++;
      skip();
    }
    const value = readValue(b, text, at, key, top);
    at = value.at;
    if (value.opened >= 0) {
      if (stack.length >= DEPTH_MAX) throw new Wrong(at, "nested too deeply");
      stack.push(value.opened);
      expect = "first";
    } else {
      expect = "next";
    }
  }
}

export function readTree(text: string): Tree {
  const b = new Builder(text.length);
  let wrong: Tree["wrong"] = null;
  try {
    read(b, text);
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    wrong = { at: error.at, why: error.message };
    for (let i = 0; i < b.count; i++) if (b.end[i] === 0) b.close(i, error.at);
  }
  return { text, count: b.count, kind: b.kind, key: b.key, start: b.start, end: b.end, parent: b.parent, after: b.after, wrong };
}

/** A member's name, escapes undone. */
export function nameOf(tree: Tree, node: number): string {
  const at = tree.key[node]!;
  if (at < 0) return "";
  const raw = tree.text.slice(at, stringEnd(tree.text, at));
  if (!raw.includes("\\")) return raw.slice(1, -1);
  try {
    return String(JSON.parse(raw));
  } catch {
    return raw.slice(1, -1);
  }
}

function* children(tree: Tree, node: number): Generator<number> {
  const end = tree.after[node]!;
  for (let child = node + 1; child < end; child = tree.after[child]!) yield child;
}

function childNamed(tree: Tree, node: number, name: string): number {
  if (tree.kind[node] !== Kind.Object) return -1;
  for (const child of children(tree, node)) if (nameOf(tree, child) === name) return child;
  return -1;
}

function childAt(tree: Tree, node: number, index: number): number {
  if (tree.kind[node] !== Kind.Array) return -1;
  let i = 0;
  for (const child of children(tree, node)) if (i++ === index) return child;
  return -1;
}

/** "Bundle.entry[0].resource/*Patient/p-1*\/.name[0]" -> its steps; functions that choose a type are passed over. */
export function steps(expression: string): (string | number)[] {
  const bare = expression.replace(/\/\*.*?\*\//g, "");
  const found: (string | number)[] = [];
  for (const match of bare.matchAll(/\[(\d+)\]|([A-Za-z_][\w-]*)(\([^)]*\))?/g)) {
    if (match[1] !== undefined) found.push(Number(match[1]));
    else if (match[3] === undefined) found.push(match[2]!);
    else if (match[2] !== "ofType" && match[2] !== "as" && match[2] !== "resolve") break;
  }
  return found;
}

/** value[x] as it is written: "valueQuantity" for the step "value". */
function childOfChoice(tree: Tree, node: number, name: string): number {
  if (tree.kind[node] !== Kind.Object) return -1;
  for (const child of children(tree, node)) {
    const found = nameOf(tree, child);
    if (found.length > name.length && found.startsWith(name) && /[A-Z]/.test(found[name.length]!)) return child;
  }
  return -1;
}

/** The node that an issue's path means, or the deepest one above it that there is; -1: none. */
export function locate(tree: Tree, expression: string): { node: number; whole: boolean } {
  if (tree.count === 0) return { node: -1, whole: false };
  let node = 0;
  const path = steps(expression);
  const first = path[0];
  const start = typeof first === "string" && /^[A-Z]/.test(first) ? 1 : 0;
  for (const step of path.slice(start)) {
    let next = -1;
    if (typeof step === "number") {
      next = childAt(tree, node, step);
      if (next < 0 && step === 0 && tree.kind[node] !== Kind.Array) continue;
    } else {
      const within = tree.kind[node] === Kind.Array ? childAt(tree, node, 0) : node;
      next = within < 0 ? -1 : childNamed(tree, within, step);
      if (next < 0 && within >= 0) next = childOfChoice(tree, within, step);
    }
    if (next < 0) return { node, whole: false };
    node = next;
  }
  return { node, whole: true };
}

/** The innermost node at an offset; one's name belongs to it. */
export function nodeAt(tree: Tree, offset: number): number {
  let low = 0;
  let high = tree.count - 1;
  let found = -1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const from = tree.key[middle]! >= 0 ? tree.key[middle]! : tree.start[middle]!;
    if (from <= offset) {
      found = middle;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  while (found > 0 && tree.end[found]! <= offset) found = tree.parent[found]!;
  return found;
}

/** Bundle.entry[0].resource.name[0].family */
export function pathOf(tree: Tree, node: number): string {
  const parts: string[] = [];
  for (let at = node; at > 0; at = tree.parent[at]!) {
    const parent = tree.parent[at]!;
    if (tree.kind[parent] === Kind.Object) {
      parts.unshift(`.${nameOf(tree, at)}`);
    } else {
      let index = 0;
      for (const child of children(tree, parent)) {
        if (child === at) break;
        index++;
      }
      parts.unshift(`[${index}]`);
    }
  }
  const type = tree.count ? childNamed(tree, 0, "resourceType") : -1;
  const root = type >= 0 && tree.kind[type] === Kind.String ? tree.text.slice(tree.start[type]! + 1, tree.end[type]! - 1) : "$";
  return root + parts.join("");
}

/** Line and column, both from 1, of the text as it was sent -> offset; -1: there is none. */
export function offsetOf(text: string, starts: Int32Array, line: number, column: number): number {
  if (line > starts.length) return -1;
  return Math.min(starts[line - 1]! + Math.max(0, column - 1), text.length);
}

/** What is told of a whole may name a line inside of it: then the place is what stands there. A column alone is not
 *  enough: it may count other units than we do, and be of another place in the same line. */
export function sharper(tree: Tree, starts: Int32Array, node: number, line: number, column: number): number {
  const at = offsetOf(tree.text, starts, line, column);
  const from = tree.key[node]! >= 0 ? tree.key[node]! : tree.start[node]!;
  if (at < 0 || (starts[line - 1]! <= from && (line >= starts.length || from < starts[line]!))) return node;
  const found = nodeAt(tree, at);
  return found > node && found < tree.after[node]! ? found : node;
}

/** Where each line begins: looked for once, a document may have thousands of issues. */
export function lineStarts(text: string): Int32Array {
  let found = new Int32Array(1024);
  let count = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    if (count === found.length) {
      const more = new Int32Array(2 * count);
      more.set(found);
      found = more;
    }
    found[count++] = at + 1;
  }
  return found.subarray(0, count);
}
