import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { parseXml, type XmlElement } from "../../../data/mod.ts";
import { xmlText } from "../../../data/formats/xml.ts";

/** An element as a list, for comparison. */
const plain = ({ name, attributes, children, text }: XmlElement): unknown => [
  name,
  { ...attributes },
  text,
  children.map(plain),
];

Deno.test("parseXml() reads elements, attributes, entities, comments, instructions and sections of text", () => {
  const text = `\uFEFF<?xml version="1.0"?><!-- > & < --><a x="1 &lt; 2" y='"'>
<b/>t&amp;&#65;&#x1F600;<![CDATA[<c>&amp;]]><!-- no text --><größe:b_1.c ></größe:b_1.c></a> <!-- end --> `;
  deepStrictEqual(plain(parseXml(text, "a.xml")), ["a", { x: "1 < 2", y: '"' }, "\nt&A😀<c>&amp;", [
    ["b", {}, "", []],
    ["größe:b_1.c", {}, "", []],
  ]]);
  equal(parseXml('<a __proto__="x"/>', "a.xml").attributes["__proto__"], "x");
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["", /must have a root: current text at line 1, column 1 is the end of the file/],
  ["<a>\n<b></a></b>", /<\/b> must close it: current text at line 2, column 4 is "<\/a><\/b>"/],
  ["<a><b>", /<\/b> must close it: .* the end of the file/],
  ["</a>", /nothing is open/],
  ["<a/><b/>", /must have one root/],
  ["<a/>x", /text must stand within the root/],
  ["x<a/>", /text must stand within the root/],
  ["<a x=1/>", /must go on with an attribute or >/],
  ['<a x="1" x="2"/>', /attribute x must stand once/],
  ['<a x="<"/>', /must go on/],
  ["<a>&nbsp;</a>", /& must begin/],
  ["<a>&amp</a>", /& must begin/],
  ["<a>&constructor;</a>", /& must begin/],
  ["<a>&#0;</a>", /& must begin/],
  ["<a>&#xD800;</a>", /& must begin/],
  ["<a>&#9999999;</a>", /& must begin/],
  ["<a>\0</a>", /it must be text/],
  ["<a><!-- </a>", /a comment must end with -->/],
  ["<a><![CDATA[ </a>", /must end with \]\]>/],
  ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', /must have no type/],
  ["< a/>", /< must begin an element/],
  [`${"<a>".repeat(300)}${"</a>".repeat(300)}`, /at most 256 others/],
];

Deno.test("parseXml() refuses by file, line and column what is not well-formed", () => {
  for (const [text, message] of REFUSED) {
    throws(() => parseXml(text, "bad.xml"), (error: Error) => {
      return error instanceof SyntaxError && error.message.startsWith("Cannot read bad.xml as XML") &&
        message.test(error.message);
    }, text.slice(0, 60));
  }
});

Deno.test("xmlText() reads the encoding that a file declares", () => {
  const latin = Uint8Array.from('<?xml version="1.0" encoding="ISO-8859-1"?><a>\u00e9</a>', (c) => c.charCodeAt(0));
  equal(parseXml(xmlText(latin, "a.xml"), "a.xml").text, "é");
  const wide = Uint8Array.from([0xFF, 0xFE, ...[..."<a>é</a>"].flatMap((c) => [c.charCodeAt(0), 0])]);
  equal(parseXml(xmlText(wide, "a.xml"), "a.xml").text, "é");
  throws(() => xmlText(Uint8Array.of(60, 0xFF), "a.xml"), /Cannot read a.xml as XML .* utf-8/);
  const unknown = new TextEncoder().encode('<?xml version="1.0" encoding="klingon"?><a/>');
  throws(() => xmlText(unknown, "a.xml"), /Cannot read a.xml as XML .* klingon/);
});
