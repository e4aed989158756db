// Where the time of forward passes goes: by part of the model and by layer. A backend that can times what it is told
// while a profile is set (Backend::profile); knows neither a model nor a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace phi3lab {

/** The parts of a forward pass, in its order: one a coarse verb. */
enum class Part : uint8_t { embed, qkv, attention, output, gate_up, down, head, argmax };
constexpr const char* kPartNames[] = {"embed", "qkv", "attention", "output", "gate_up", "down", "head", "argmax"};
constexpr int64_t kParts = sizeof(kPartNames) / sizeof(kPartNames[0]);
inline const char* name_of(Part part) { return kPartNames[static_cast<size_t>(part)]; }

/** What a piece of work is for. */
struct Mark {
  Part part = Part::embed;
  bool first = false;  // of its verb's pieces: it stands for the call
  int64_t layer = -1;  // -1 outside the layers
  size_t bytes = 0;    // that the verb must read: weights, or keys and values
};

/** Of one part in one layer. */
struct Spent {
  int64_t calls = 0;
  size_t bytes = 0;
  double seconds = 0;
};

/** Decoded tokens on a backend that records a token's pass and replays it, when nobody times its stages. */
struct Replays {
  int64_t passes = 0;   // that were run stage by stage instead
  double staged = 0;    // seconds of these
  double replayed = 0;  // seconds of as many, replayed; 0: not measured
};

class Profile {
 public:
  Replays replays;

  explicit Profile(int64_t layers) : spent_(static_cast<size_t>(kParts * (layers + 1))) {}

  /** From one thread at a time; allocates nothing. */
  void add(const Mark& mark, double seconds) {
    Spent& spent = spent_[index(mark.part, mark.layer)];
    spent.seconds += seconds;
    if (!mark.first) return;
    spent.calls++;
    spent.bytes += mark.bytes;
  }
  const Spent& of(Part part, int64_t layer) const { return spent_[index(part, layer)]; }

 private:
  static size_t index(Part part, int64_t layer) {
    return static_cast<size_t>((layer + 1) * kParts + static_cast<int64_t>(part));
  }
  std::vector<Spent> spent_;
};

}  // namespace phi3lab
