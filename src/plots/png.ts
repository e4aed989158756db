/** SVG to PNG by resvg, with DejaVu's fonts beside the system's, so that text is drawn on a machine that has no fonts. */
import { dirname, join } from "node:path";
import { paletteOf } from "./indexed_png";
import { fonts } from "./style";

type Resvg = typeof import("@resvg/resvg-js");
const resvg = (): Resvg => require("@resvg/resvg-js") as Resvg;

/** PNG bytes of a picture, on white, `scale` times its size (default 2: sharp on a dense screen). */
export function png(svg: string, scale = 2): Buffer {
  const { pixels, width, height } = new (resvg().Resvg)(svg, drawn(scale)).render();
  return paletteOf(pixels, width, height);
}

/** The same, drawn beside the main thread. */
export async function pngLater(svg: string, scale: number): Promise<Buffer> {
  const { pixels, width, height } = await resvg().renderAsync(svg, drawn(scale));
  return paletteOf(pixels, width, height);
}

function drawn(scale: number): import("@resvg/resvg-js").ResvgRenderOptions {
  const folder = join(dirname(require.resolve("dejavu-fonts-ttf/package.json")), "ttf");
  return {
    background: "white",
    fitTo: { mode: "zoom", value: scale },
    font: {
      fontFiles: ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"].map((name) => join(folder, name)),
      loadSystemFonts: true,
      defaultFontFamily: fonts.bundled,
    },
  };
}
