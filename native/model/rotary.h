// The cosines and sines that turn queries and keys, in the device's memory: a table for each set of frequencies.
#pragma once

#include <atomic>
#include <memory>

#include "config.h"
#include "native/seam/backend.h"

namespace phi3lab {

/** Which frequencies a text's angles are of: a sequence's keys are all of the same, or of nobody knows which. */
enum class Angles : uint8_t { usual, of_long_texts, mixed };

class RotaryTables {
 public:
  /** With the table of the usual frequencies; the others come when they are first asked for. */
  RotaryTables(Backend& backend, const Config& config);

  /** Of texts of so many positions. */
  Angles angles_of(int64_t length) const {
    const Rotary& rotary = config_.rotary;
    return rotary.long_frequencies.empty() || length <= rotary.long_from ? Angles::usual : Angles::of_long_texts;
  }
  /** Whether longer texts have other angles than shorter ones. */
  bool vary() const { return !config_.rotary.long_frequencies.empty(); }
  /** (positions, rotary.dims): cosines, then sines; stays where it is. */
  Tensor table(Angles angles) { return at(tables_[static_cast<size_t>(angles)], angles); }
  /** A table that turns nothing. */
  Tensor still() { return at(still_, {}); }
  /** From any thread. */
  size_t bytes() const { return bytes_; }

 private:
  using Table = std::shared_ptr<Buffer>;
  Tensor at(Table& table, Angles angles);
  std::vector<float> numbers(Angles angles) const;

  Backend& backend_;
  const Config& config_;
  Table tables_[2], still_;
  std::atomic<size_t> bytes_{0};
};

}  // namespace phi3lab
