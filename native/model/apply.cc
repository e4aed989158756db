// Modules of the model by themselves: the same verbs as in a pass, on vectors that a caller has.
#include <algorithm>
#include <stdexcept>

#include "session.h"

namespace phi3lab {

const Weight* Phi3::weight_of(Role role, int64_t layer) const {
  if (role == Role::norm) return weights_.norm.get();
  if (role == Role::lm_head) return weights_.lm_head;
  if (layer < 0 || layer >= config_.num_hidden_layers) return nullptr;
  const LayerWeights& w = weights_.layers[static_cast<size_t>(layer)];
  switch (role) {
    case Role::input_layernorm:
      return w.input_layernorm.get();
    case Role::qkv_proj:
      return w.qkv_proj.get();
    case Role::q_norm:
      return w.q_norm.get();
    case Role::k_norm:
      return w.k_norm.get();
    case Role::o_proj:
      return w.o_proj.get();
    case Role::post_attention_layernorm:
      return w.post_attention_layernorm.get();
    case Role::gate_up_proj:
      return w.gate_up_proj.get();
    case Role::down_proj:
      return w.down_proj.get();
    default:
      return nullptr;
  }
}

Phi3::Widths Phi3::widths(std::optional<Role> role, int64_t layer) const {
  if (!role) return {2 * config_.intermediate_size, config_.intermediate_size};
  const Weight* weight = weight_of(*role, layer);
  if (!weight)
    throw std::runtime_error("[apply] Expected a module of the model but received " + std::string(name_of(*role)) +
                             " of layer " + std::to_string(layer));
  switch (*role) {
    case Role::input_layernorm:
    case Role::post_attention_layernorm:
    case Role::norm:
      return {config_.hidden_size, config_.hidden_size};
    case Role::q_norm:
    case Role::k_norm:
      return {config_.head_dim, config_.head_dim};
    default:
      return {weight->cols, weight->rows};
  }
}

void Phi3::apply(Tensor out, Tensor in, std::optional<Role> role, int64_t layer) {
  if (!role) return backend_->swiglu(out, in);
  const Weight& weight = *weight_of(*role, layer);
  switch (*role) {
    case Role::input_layernorm:
    case Role::post_attention_layernorm:
    case Role::norm:
    case Role::q_norm:
    case Role::k_norm:
      return backend_->rms_norm(out, in, weight, config_.rms_norm_eps);
    default:
      backend_->matmul(out, in, weight);
      if (const Weight* bias =
              *role == Role::qkv_proj ? weights_.layers[static_cast<size_t>(layer)].qkv_bias.get() : nullptr)
        backend_->add_bias(out, *bias);
  }
}

void Phi3::embed(Tensor out, const int32_t* ids, int64_t count) {
  auto* device_ids = static_cast<int32_t*>(step_->data);
  for (int64_t first = 0; first < count; first += max_chunk_) {
    const int64_t tokens = std::min(max_chunk_, count - first);
    backend_->write(device_ids, ids + first, static_cast<size_t>(tokens) * sizeof(int32_t));
    backend_->embed(out.slice(first, tokens), {device_ids, device_ids + max_chunk_, tokens}, *weights_.embed_tokens);
    backend_->synchronize();
  }
}

namespace {

// The rows [start, start + rows) of a tensor as vectors of `width` numbers.
Tensor rows_at(const DeviceTensor& input, int64_t start, int64_t rows, int64_t width) {
  if (!input.buffer) throw std::runtime_error("[apply] The input was disposed");
  const int64_t have = width > 0 && input.size() % width == 0 ? input.size() / width : 0;
  if (start < 0 || rows < 1 || start > have || rows > have - start)
    throw std::runtime_error("[apply] Expected rows of " + std::to_string(width) + " numbers, from 0 to " +
                             std::to_string(have - 1) + ", but received " + std::to_string(rows) + " from " +
                             std::to_string(start) + " on");
  return {input.data() + start * width, rows, width};
}

}  // namespace

TensorRef Session::apply(std::optional<Role> role, int64_t layer, const TensorRef& input, int64_t start, int64_t rows,
                         const AbortRef& abort) {
  Phi3& phi3 = model();
  const Phi3::Widths widths = phi3.widths(role, layer);
  const Tensor in = rows_at(*input, start, rows, widths.in);
  check_files();
  const AbortScope scope(*this, abort);
  TensorRef made = tensor({rows, widths.out});
  const Tensor out{made->data(), rows, widths.out};
  for (int64_t done = 0; done < rows; done += phi3.max_chunk()) {
    const int64_t count = std::min(phi3.max_chunk(), rows - done);
    phi3.apply(out.slice(done, count), in.slice(done, count), role, layer);
    phi3.backend().checkpoint(count);
  }
  phi3.backend().synchronize();
  check_files();
  return made;
}

TensorRef Session::embed(const std::vector<int32_t>& ids, const AbortRef& abort) {
  Phi3& phi3 = model();
  check_ids("embed", ids);
  check_files();
  const AbortScope scope(*this, abort);
  const auto rows = static_cast<int64_t>(ids.size());
  TensorRef made = tensor({rows, config_.hidden_size});
  phi3.embed({made->data(), rows, config_.hidden_size}, ids.data(), rows);
  check_files();
  return made;
}

}  // namespace phi3lab
