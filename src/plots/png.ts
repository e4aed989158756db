/** SVG to PNG by resvg, with DejaVu's fonts beside the system's, so that text is drawn on a machine that has no fonts. */
import { dirname, join } from "node:path";
import { paletteOf } from "./indexed_png";
import { fonts } from "./style";

/** PNG bytes of a picture, on white, `scale` times its size (default 2: sharp on a dense screen). */
export function png(svg: string, scale = 2): Buffer {
  const { Resvg } = require("@resvg/resvg-js") as typeof import("@resvg/resvg-js");
  const folder = join(dirname(require.resolve("dejavu-fonts-ttf/package.json")), "ttf");
  const picture = new Resvg(svg, {
    background: "white",
    fitTo: { mode: "zoom", value: scale },
    font: {
      fontFiles: ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"].map((name) => join(folder, name)),
      loadSystemFonts: true,
      defaultFontFamily: fonts.bundled,
    },
  });
  const { pixels, width, height } = picture.render();
  return paletteOf(pixels, width, height);
}
