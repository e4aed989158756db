/**
 * A plot that shows itself: live in a notebook with plotly's renderer, as a picture where there is none or the notebook
 * is not trusted, as text in a terminal; and that saves itself as a page or a picture.
 */
import { type MimeBundle, mime } from "../host";
import { Drawing } from "./drawing";
import { inWords, letters } from "./letters";
import { page } from "./page";
import { picture } from "./picture";
import type { Plot } from "./plot";
import { plotly } from "./plotly";
import { config } from "./plotly_layout";
import { tableHtml } from "./table";
import { stillImage } from "./view";

/**
 * A finished plot. As a cell's last value it is shown; `String(figure)` is its text.
 *
 * @example
 * const figure = plotNextToken(logits, { tokenizer });
 * figure.layout.height = 600;           // live it is plotly's: all of it may be changed
 * await figure.save("next.html");
 * figure;
 */
export class Figure extends Drawing {
  /** Plotly's traces, free to be changed before the figure is shown live. */
  readonly data: object[];
  /** Plotly's layout, likewise. */
  readonly layout: Record<string, unknown>;
  readonly #html: string;

  /** @internal */
  constructor(plot: Plot) {
    super({ svg: picture(plot), text: letters(plot) });
    const { data, layout } = plotly(plot);
    this.data = data;
    this.layout = layout;
    const alt = plot.table === undefined ? String(this) : inWords(plot);
    const image = stillImage(this.toSVG(), alt);
    this.#html = plot.table === undefined ? image : `${image}${tableHtml(plot.table)}`;
    this.checkSize(this.rich(), plot.shrink ?? "plot less of it");
  }

  /**
   * Without `image/png`: plotly's renderer shows that in place of the plot until the mouse comes by, and puts in its own when
   * it has drawn. Places without plotly take the HTML; those without that have {@link Drawing.static}.
   *
   * @internal
   */
  protected rich(): MimeBundle {
    const { data, layout } = this;
    return { [mime.plotly]: { data, layout, config }, [mime.html]: this.#html };
  }
  /** @internal */
  protected page(): string {
    return page(this.data, this.layout);
  }
}
