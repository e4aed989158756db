// Calls of a session with options of any kind, for the sanitizers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hostile.h"
#include "native/model/session.h"

namespace phi3lab {

// Of each kind of call, how many there were, and how many of them were not refused.
struct CallCounts {
  struct Count {
    int64_t calls = 0, answered = 0;
  };
  std::map<std::string, Count> kinds;
};

class Caller {
 public:
  Caller(Random& random, Session& session) : random_(random), session_(session) {}

  // One call, answered or refused with an exception.
  void call(CallCounts& counts);

 private:
  std::vector<int32_t> ids();
  int32_t id();
  // A number that fits mostly, from 0 to `below` - 1, or any.
  int64_t number(int64_t below, int64_t odd_in = 4);
  PositionChoice positions();
  EditRequests edits();
  Stopping stopping();
  // One that there is, or a new one.
  CacheRef cache();
  // One that a call gave, perhaps disposed since; null where there is none.
  TensorRef tensor();
  void keep(const TensorRef& tensor) {
    if (tensor) tensors_.push_back(tensor);
  }

  void forward(const AbortRef& abort);
  void lm_head(const AbortRef& abort);
  void apply(const AbortRef& abort);
  void embed(const AbortRef& abort);
  void summarise(const AbortRef& abort);
  void generate(const AbortRef& abort);
  void generate_several(const AbortRef& abort);
  void step(const AbortRef& abort);
  void copy_cache(const AbortRef& abort);
  void profile();
  void upload();
  void read();
  void drop_and_count();

  Random& random_;
  Session& session_;
  std::vector<CacheRef> caches_;
  std::vector<TensorRef> tensors_;
  bool edited_ = false;  // whether the call under way has edits
};

}  // namespace phi3lab
