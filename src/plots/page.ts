/** A plot as one HTML page that carries plotly.js itself, so that it opens live without any network. */
import { readFileSync } from "node:fs";
import { scriptJson } from "../markup";
import { config } from "./plotly_layout";

/** The page's source; `data` and `layout` are plotly's. */
export function page(data: object[], layout: Record<string, unknown>): string {
  const plotly = readFileSync(require.resolve("plotly.js-dist/plotly.js"), "utf8").replace(/<\/script/gi, "<\\/script");
  const figure = scriptJson({ data, layout, config: { ...config, responsive: true } });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>phi3lab</title>
<script>${plotly}</script>
<style>:root { color-scheme: light dark } body { font-family: sans-serif }</style>
</head>
<body>
<div id="plot"></div>
<script>const figure = ${figure};
Plotly.newPlot("plot", figure.data, figure.layout, figure.config);</script>
</body>
</html>
`;
}
