/** A generation that is watched: its state so far, and the output that shows it. */
import type { ChosenLogProb, GenerationStep } from "../generation";
import { host, type MimeBundle } from "../host";
import { pieceLabel, tokenTexts } from "../insight/label";
import { type TokenScore, TokenScores } from "../insight/log_probs";
import { layerName } from "../insight/logit_lens";
import type { Phi3ForCausalLM } from "../model";
import type { Core } from "../model/core";
import type { Summary } from "../native";
import type { Tensor } from "../tensor";
import type { PreTrainedTokenizer } from "../tokenizer";
import { tokenLabel } from "./token_label";
import type { View } from "./view";
import { type LayerWord, type Moment, type WatchView, watchView } from "./watch_view";

/** Milliseconds between two pictures. */
const every = 100;
let displays = 0;

export class Watched {
  readonly #model: Phi3ForCausalLM;
  readonly #tokenizer: PreTrainedTokenizer;
  readonly #prompt: number[];
  readonly #what: { views: readonly WatchView[]; title: string };
  readonly #id = `phi3lab-watch-${process.pid}-${Date.now()}-${displays++}`;
  readonly #start = performance.now();
  readonly #tokens: ChosenLogProb[] = [];
  readonly #times: number[] = [];
  #vectors: readonly Tensor[] = [];
  #lens: Moment["lens"];
  #shownAt = Number.NEGATIVE_INFINITY;
  #shown = false;
  /** The state that stays; nothing that comes is shown behind it. */
  #last: View | undefined;
  #cache = 0;
  /** Bytes of other texts' keys and values. */
  readonly #before: number;

  constructor(
    model: Phi3ForCausalLM,
    tokenizer: PreTrainedTokenizer,
    prompt: number[],
    what: { views: readonly WatchView[]; title: string },
  ) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#prompt = prompt;
    this.#what = what;
    this.#before = model.memory().cache;
  }

  /** A new token: it is shown where the last picture is old enough. */
  async step({ hidden_states, ...token }: GenerationStep): Promise<void> {
    this.#tokens.push(token);
    this.#times.push(performance.now());
    this.#vectors = hidden_states;
    if (this.#last || !host() || performance.now() - this.#shownAt < every) return;
    await this.#look();
    if (!this.#last) this.show("running");
  }

  /** The last state, which stays. */
  async end(): Promise<{ text: string; scores: TokenScores; view: View }> {
    await this.#look();
    this.#last ??= this.#view("done");
    await this.#keep(this.#last);
    const ids = [...this.#prompt, ...this.#tokens.map(({ id }) => id)];
    return {
      text: this.#tokenizer.decode(ids, { skip_special_tokens: false }),
      scores: this.#scores(),
      view: this.#last,
    };
  }

  /** Says at once that it was stopped, without a picture: an interrupted cell is given no time to draw one. */
  stop(): View {
    this.#last ??= this.show("stopped");
    return this.#last;
  }

  /** It was stopped, or failed: the state that stays. */
  stopped(): Promise<void> {
    return this.#keep(this.stop());
  }

  /** What the layers would have said in the newest token's place. */
  async #look(): Promise<void> {
    if (this.#vectors.length === 0) return;
    const token = this.#scores().tokens.at(-1) as TokenScore;
    this.#lens = { token: token.label, words: await layerWords(this.#model.core, this.#tokenizer, this.#vectors) };
  }

  #scores(): TokenScores {
    const ids = [...this.#prompt, ...this.#tokens.map(({ id }) => id)];
    const label = (id: number): string => tokenLabel(this.#tokenizer, id);
    const tokens = tokenTexts(this.#tokenizer, ids).map((one, i): TokenScore => {
      const chosen = this.#tokens[i - this.#prompt.length];
      const top = chosen?.top.map(({ id, log_prob }) => ({ id, label: label(id), prob: Math.exp(log_prob) })) ?? [];
      const place = top.findIndex(({ id }) => id === ids[i]);
      return {
        ...{ id: ids[i] as number, ...one, label: pieceLabel(one.text, one.piece), top },
        ...{ log_prob: chosen?.log_prob ?? null, rank: place < 0 ? null : place + 1, entropy: null },
      };
    });
    return new TokenScores(tokens, { ms: performance.now() - this.#start, passes: this.#tokens.length, bytes: 0 });
  }

  /** Shows where it stands. */
  show(state: Moment["state"]): View {
    const view = this.#view(state);
    // A picture for each state would take longer than its tokens.
    this.#put(view.passing());
    this.#shownAt = performance.now();
    return view;
  }

  /** Shows a state with its picture. */
  async #keep(view: View): Promise<void> {
    if (host()) this.#put(await view.later());
  }

  #put(bundle: MimeBundle): void {
    host()?.display(bundle, { display_id: this.#id, update: this.#shown });
    this.#shown = true;
  }

  #view(state: Moment["state"]): View {
    const [first, last] = [this.#times[0] ?? Number.NaN, this.#times.at(-1) ?? Number.NaN];
    // A generation frees its own when it ends.
    this.#cache = Math.max(this.#cache, this.#model.memory().cache - this.#before);
    return watchView({
      ...this.#what,
      ...{ state, scores: this.#scores(), lens: this.#lens, cache: this.#cache },
      token_ms: (last - first) / (this.#times.length - 1),
    });
  }
}

/** Of each layer the token that the head would say of the last position, and its probability. */
async function layerWords(core: Core, tokenizer: PreTrainedTokenizer, states: readonly Tensor[]): Promise<LayerWord[]> {
  const { native, config } = core;
  const { hidden_size: hidden } = config;
  const data = new Float32Array(states.length * hidden);
  states.forEach((state, i) => {
    data.set((state.data as Float32Array).subarray(-hidden), i * hidden);
  });
  const input = native.upload(data, [states.length, hidden]);
  const last = states.length - 1;
  try {
    // The last one is behind the final norm already.
    const inside = await native.summarise({ hidden: input, start: 0, rows: last, norm: true, k: 1 });
    const end = await native.summarise({ hidden: input, start: last, rows: 1, norm: false, k: 1 });
    const words = ({ ids, logits, logsumexp }: Summary, from: number): LayerWord[] =>
      Array.from(ids, (id, i) => ({
        layer: layerName(from + i),
        label: tokenLabel(tokenizer, id),
        probability: Math.exp((logits[i] as number) - (logsumexp[i] as number)),
      }));
    return [...words(inside, -1), ...words(end, last - 1)];
  } finally {
    input.dispose();
  }
}
