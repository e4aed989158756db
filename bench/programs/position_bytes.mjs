/** Bytes of a position's keys and values, all layers', kept as `kv_dtype`. */
export function positionBytes({ num_hidden_layers, num_key_value_heads, head_dim }, kv_dtype = "float32") {
  return 2 * num_hidden_layers * num_key_value_heads * head_dim * (kv_dtype === "float16" ? 2 : 4);
}
