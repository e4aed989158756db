// Tensors of a case in the device's memory: each with a guard row before and behind it, and NaN wherever nothing was
// written, so that what is read or written beside a tensor, or not written at all, shows.
#pragma once

#include <cstring>
#include <stdexcept>

#include "table.h"

namespace phi3lab::ops {

class Guarded {
 public:
  /** Full of NaN. */
  Guarded(Backend& backend, int64_t rows, int64_t cols)
      : backend_(backend),
        rows_(rows),
        cols_(cols),
        buffer_(backend.allocate(static_cast<size_t>((rows + 2) * cols) * sizeof(float))) {
    poison();
  }
  Guarded(Backend& backend, int64_t rows, int64_t cols, const std::vector<float>& values)
      : Guarded(backend, rows, cols) {
    set(values);
  }

  Tensor tensor() const { return {static_cast<float*>(buffer_->data) + cols_, rows_, cols_}; }

  void poison() {
    std::vector<float> all(static_cast<size_t>((rows_ + 2) * cols_));
    for (float& x : all) std::memcpy(&x, &kGuard, sizeof(kGuard));
    backend_.synchronize();
    backend_.write(buffer_->data, all.data(), all.size() * sizeof(float));
  }
  void set(const std::vector<float>& values) {
    if (static_cast<int64_t>(values.size()) != rows_ * cols_) throw std::logic_error("values of another size");
    backend_.synchronize();
    backend_.write(tensor().data, values.data(), values.size() * sizeof(float));
  }

  /** What was computed; throws when a guard row has changed. */
  std::vector<float> get() const {
    std::vector<float> all(static_cast<size_t>((rows_ + 2) * cols_));
    backend_.synchronize();
    backend_.read(all.data(), buffer_->data, all.size() * sizeof(float));
    for (size_t i = 0; i < all.size(); i++) {
      const bool guard = i < static_cast<size_t>(cols_) || i >= static_cast<size_t>((rows_ + 1) * cols_);
      if (guard && std::memcmp(&all[i], &kGuard, sizeof(kGuard)) != 0)
        throw std::runtime_error("wrote " + std::string(i < static_cast<size_t>(cols_) ? "before" : "behind") +
                                 " a tensor, column " + std::to_string(i % static_cast<size_t>(cols_)));
    }
    return {all.begin() + cols_, all.end() - cols_};
  }
  /** Throws when this input is no longer `values`, to the bit. */
  void expect_kept(const std::vector<float>& values) const {
    const std::vector<float> now = get();
    if (std::memcmp(now.data(), values.data(), values.size() * sizeof(float)) != 0)
      throw std::runtime_error("changed an input");
  }

 private:
  static constexpr uint32_t kGuard = 0x7fc0beef;  // a NaN

  Backend& backend_;
  int64_t rows_, cols_;
  std::shared_ptr<Buffer> buffer_;
};

/** Int32 numbers in the device's memory, a guard before and behind them. */
class GuardedIds {
 public:
  GuardedIds(Backend& backend, const std::vector<int32_t>& ids)
      : backend_(backend), count_(ids.size()), buffer_(backend.allocate((ids.size() + 2) * sizeof(int32_t))) {
    std::vector<int32_t> all(count_ + 2, kGuard);
    std::copy(ids.begin(), ids.end(), all.begin() + 1);
    backend_.synchronize();
    backend_.write(buffer_->data, all.data(), all.size() * sizeof(int32_t));
  }

  int32_t* data() const { return static_cast<int32_t*>(buffer_->data) + 1; }
  void set(const std::vector<int32_t>& ids) {
    backend_.synchronize();
    backend_.write(data(), ids.data(), ids.size() * sizeof(int32_t));
  }
  std::vector<int32_t> get() const {
    std::vector<int32_t> all(count_ + 2);
    backend_.synchronize();
    backend_.read(all.data(), buffer_->data, all.size() * sizeof(int32_t));
    if (all.front() != kGuard || all.back() != kGuard) throw std::runtime_error("wrote beside an id");
    return {all.begin() + 1, all.end() - 1};
  }

 private:
  static constexpr int32_t kGuard = 0x5ca1ab1e;

  Backend& backend_;
  size_t count_;
  std::shared_ptr<Buffer> buffer_;
};

/** What a pass reads besides weights: zeros for ids unless they are set. */
class DevicePass {
 public:
  DevicePass(Backend& backend, int64_t most_tokens)
      : ids_(backend, std::vector<int32_t>(static_cast<size_t>(most_tokens))), position_(backend, {0}) {}
  PassInput at(int64_t position, int64_t tokens) {
    position_.set({static_cast<int32_t>(position)});
    return {ids_.data(), position_.data(), tokens};
  }
  GuardedIds& ids() { return ids_; }
  GuardedIds& position() { return position_; }

 private:
  GuardedIds ids_, position_;
};

/** Makes the fused verbs run their definitions while it lives. */
class Tapping {
 public:
  explicit Tapping(Backend& backend, bool really = true) : backend_(backend) {
    if (really) backend_.set_tap([](const char*, int64_t, Tensor, int64_t) {});
  }
  ~Tapping() { backend_.set_tap({}); }
  Tapping(const Tapping&) = delete;
  Tapping& operator=(const Tapping&) = delete;

 private:
  Backend& backend_;
};

}  // namespace phi3lab::ops
