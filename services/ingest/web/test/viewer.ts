import assert from "node:assert/strict";
import { test } from "node:test";
import { nextMatch, patternOf, previousMatch } from "../src/json/find.ts";
import { Axis, LINE_MAX, LINE_SHOWN, Lines, whole } from "../src/json/lines.ts";
import { Quoted, Quotes, coloursOf } from "../src/json/tokens.ts";

const told = (text: string, begins?: Quoted) => coloursOf(text, begins).map((c) => `${c.name.slice(2)} ${text.slice(c.from, c.to)}`);

test("lines are found by number and by offset, whatever ends them", () => {
  const lines = new Lines("ab\r\n\ncd\re\n");
  const all = Array.from({ length: lines.count }, (_, line) => lines.text.slice(lines.start(line), lines.end(line)));
  assert.deepEqual(all, ["ab", "", "cd\re", ""]);
  for (let line = 0; line < lines.count; line++) {
    assert.equal(lines.at(lines.start(line)), line);
    assert.equal(lines.at(lines.end(line)), line);
  }
  assert.equal(new Lines("").count, 1);
  assert.equal(new Lines("").length(0), 0);
});

test("the widest line: a long one counts as what is shown of it, wide and hidden characters for more", () => {
  assert.equal(new Lines("abc\nab").widest, 3);
  assert.equal(new Lines(`a\n${"x".repeat(LINE_MAX + 1)}\n`).widest, LINE_SHOWN);
  assert.equal(new Lines("abcd\n漢漢漢").widest, 6);
  assert.equal(new Lines("abcdefgh\n\u202e\u202e").widest, 16);
});

test("colours of a line", () => {
  assert.deepEqual(told('  "a": "b",'), ['name "a"', 'text "b"']);
  assert.deepEqual(told('"a\\"b" : -1.5e+3, [true,null]'), ['name "a\\"b"', "number -1.5e+3", "word true", "word null"]);
  assert.deepEqual(told('"a": "never ends \\'), ['name "a"', 'text "never ends \\']);
  assert.deepEqual(told('"\u2028": untrue'), ['name "\u2028"']);
});

test("colours of a part of a line: what it begins in is known", () => {
  assert.deepEqual(told('b", 1', Quoted.Yes), ['text b"', "number 1"]);
  assert.deepEqual(told('b": 1', Quoted.Yes), ['name b"', "number 1"]);
  assert.deepEqual(told('"b", 1', Quoted.Escape), ['text "b"', "number 1"]);
  assert.deepEqual(told('"', Quoted.Yes), ['text "']);
  assert.deepEqual(told("1, 2", Quoted.Yes), ["text 1, 2"]);
});

test("any part of a long line has the colours that the whole has there", () => {
  const line = '{"na\\\\me":"te\\"xt",12:true,'.repeat(1000);
  const kinds = new Array<string>(line.length).fill("");
  for (const c of coloursOf(line)) kinds.fill(c.name, c.from, c.to);
  const text = `before\n${line}\nbehind`;
  const quotes = new Quotes(text, 7, 7 + line.length);
  for (const from of [9000, 0, 4095, 4096, 4097, 26_000, 8191, 12_345]) {
    for (let shift = 0; shift < 30; shift++) {
      const at = from + shift;
      const part = line.slice(at, at + 300);
      const found = new Array<string>(300).fill("");
      for (const c of coloursOf(part, quotes.at(7 + at))) found.fill(c.name, c.from, c.to);
      const begun = kinds[at] === "j-word" ? /^\w*/.exec(part)![0].length : 0; // half a word is none
      assert.deepEqual(found.slice(begun, 250), kinds.slice(at + begun, at + 250), `from ${at}`);
    }
  }
});

test("a text beyond what browsers lay out is scrolled at a scale, from end to end", () => {
  const small = new Axis(5000, 500);
  assert.deepEqual([small.shown, small.scale, small.toScroll(9999), small.toScroll(-1)], [5000, 1, 4500, 0]);
  const large = new Axis(97_000_000, 500);
  assert.ok(large.shown < 16_777_216);
  assert.equal(Math.round(large.toText(large.shown - 500)), 97_000_000 - 500);
  for (const at of [0, 19, 38, 48_000_000]) assert.ok(Math.abs(large.toText(large.toScroll(at)) - at) < 0.001);
});

test("words are found forwards and back, as they are written", () => {
  const text = `a.b${" x".repeat(100_000)}A.B${" x".repeat(100_000)}axb`;
  const any = patternOf("a.b", false);
  assert.deepEqual(nextMatch(text, any, 0), { from: 0, to: 3 });
  assert.deepEqual(nextMatch(text, any, 1), { from: 200_003, to: 200_006 });
  assert.equal(nextMatch(text, any, 200_004), null);
  assert.deepEqual(previousMatch(text, any, text.length), { from: 200_003, to: 200_006 });
  assert.deepEqual(previousMatch(text, any, 200_003), { from: 0, to: 3 });
  assert.equal(previousMatch(text, any, 0), null);
  assert.equal(nextMatch(text, patternOf("a.b", true), 1), null);
  assert.deepEqual(previousMatch("aaaa", patternOf("aa", true), 3), { from: 2, to: 4 });
  for (const edge of [65_534, 65_535, 65_536, 65_537]) assert.deepEqual(previousMatch(`${"-".repeat(edge)}word${"-".repeat(65_535)}`, patternOf("word", true), edge + 4 + 65_535), { from: edge, to: edge + 4 });
});

test("no cut goes through a character", () => {
  assert.equal(whole("a\u{1f600}b", 2), 1);
  assert.equal(whole("a\u{1f600}b", 3), 3);
  assert.equal(whole("a\ude00b", 1), 1);
});
