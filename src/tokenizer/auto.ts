/** Finds a model's tokenizer: in a folder, in a .gguf file, or on the hub. */
import { type ResolveOptions, resolveModel, resolveOptions } from "../hub";
import { checkOptions } from "../options";
import { readGgufTokenizer } from "./gguf";
import { readFolderTokenizer } from "./load";
import { PreTrainedTokenizer } from "./tokenizer";

/** Options that Python's porters bring along and that change nothing here. */
const accepted = ["trust_remote_code", "use_fast", "legacy"];

export interface TokenizerLoadOptions extends ResolveOptions {
  /** Accepted and ignored: no code is ever run from a model. */
  trust_remote_code?: boolean;
  /** Accepted and ignored: there is one kind. */
  use_fast?: boolean;
  /** Accepted and ignored: tokenizer.json says it. */
  legacy?: boolean;
}

/** Makes tokenizers. */
export class AutoTokenizer {
  /**
   * Loads a tokenizer.
   *
   * @param model An id of the hub ("microsoft/Phi-3-mini-4k-instruct"), a folder or a .gguf file.
   * @throws {Error} one sentence: nothing there, damaged, of an unknown kind.
   * @example const tokenizer = await AutoTokenizer.from_pretrained("microsoft/Phi-3-mini-4k-instruct");
   */
  static async from_pretrained(model: string, options: TokenizerLoadOptions = {}): Promise<PreTrainedTokenizer> {
    checkOptions(options, [...resolveOptions, ...accepted], "AutoTokenizer.from_pretrained");
    const { trust_remote_code: _, use_fast: __, legacy: ___, ...hub } = options;
    const { folder, gguf } = await resolveModel(model, { ...hub, only: "tokenizer" });
    const spec = gguf === undefined ? await readFolderTokenizer(folder) : await readGgufTokenizer(gguf);
    return new PreTrainedTokenizer({ ...spec, name_or_path: model });
  }
}
