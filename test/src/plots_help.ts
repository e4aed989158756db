/** What tests of plots share: a tokenizer of any tokens, and pictures read strictly. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

/** A tokenizer of these tokens; the first is a letter, for it stands before the others while they are decoded. */
export const namer = (...tokens: string[]) => {
  const all = ["a", ...tokens];
  const convert_ids_to_tokens = (ids: number[]): string[] => ids.map((id) => all[id] as string);
  return { convert_ids_to_tokens, decode: (ids: number[]): string => convert_ids_to_tokens(ids).join("") };
};

/** Elements and texts of XML; whoever reads it strictly, as a browser reads SVG, complains of what is not well formed. */
export function parseXml(source: string): { names: Set<string>; texts: string[] } {
  const code =
    "import sys, json, xml.etree.ElementTree as e\n" +
    "all = list(e.fromstring(sys.stdin.buffer.read()).iter())\n" +
    "print(json.dumps([[x.tag.split('}')[1] for x in all], [x.text or '' for x in all]]))";
  const result = spawnSync("python3", ["-c", code], { input: source, encoding: "utf8" });
  assert.equal(result.status, 0, result.stderr);
  const [names, texts] = JSON.parse(result.stdout) as [string[], string[]];
  return { names: new Set(names), texts };
}

/** All that a picture of ours is made of. */
export const shapes = new Set(["svg", "text", "rect", "line", "title", "polyline"]);

/** The attributes of a picture's elements of one kind, and what each says to whoever points at it. */
export function elements(svg: string, name: string): Record<string, string>[] {
  return [...svg.matchAll(new RegExp(`<${name} ([^>]*?)/?>(?:<title>([^<]*)</title>|([^<]*))`, "g"))].map(
    ([, attributes = "", title = "", text = ""]) => ({
      ...Object.fromEntries([...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value])),
      ...{ title, text },
    }),
  );
}
