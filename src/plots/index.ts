/** Plots of what a model does; each shows itself in a notebook and saves itself. */
export { type PlotDistributionsOptions, plotDistributions, type TimedSeries } from "./distributions";
export { Figure } from "./figure";
export { type PlotLinesOptions, plotLines } from "./lines";
export { type PlotNextTokenOptions, plotNextToken } from "./next_token";
export { type PlotLensOptions, plotLens, type PlotRanksOptions, plotRanks } from "./lens";
export { type PlotTokensOptions, plotTokens } from "./tokens";
export { View } from "./view";
export { type LabelTokenizer, tokenLabel } from "./token_label";
export { type PlotTimingsOptions, plotTimings, type Timings, type TimingsLike } from "./timings";
