/** A map of cells as a view: a picture and a table where no script may run, and a live map where one may. */
import { inWords, letters } from "./letters";
import { picture } from "./picture";
import { type Plot, withoutAbout } from "./plot";
import { type Table, tableHtml } from "./table";
import { stillImage, View, type ViewParts } from "./view";

/** A plot of cells with all that its view has besides. */
export interface MapPlot extends Plot {
  table: Table;
  shrink: string;
}

/**
 * The view of a plot of cells.
 *
 * @param plot The still form.
 * @param live What makes it live.
 * @param text Default: the plot in letters.
 */
export function mapView(plot: MapPlot, live: ViewParts["live"], text = letters(plot)): View {
  const { table, shrink } = plot;
  const html = stillImage(picture(withoutAbout(plot)), inWords(plot)) + tableHtml(table);
  return new View({ text, svg: picture(plot), html, live, shrink });
}
