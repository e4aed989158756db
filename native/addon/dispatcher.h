// Brings results from a model's thread to JavaScript's. Holds the process open only while something is pending.
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>

namespace phi3lab {

class Dispatcher {
 public:
  using Task = std::function<void(Napi::Env)>;

  explicit Dispatcher(Napi::Env env);
  // A process that ends closes the function itself, before the objects that hold this go.
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // From any thread. A process that is ending never runs the task, nor frees it: what it holds is JavaScript's.
  void post(Task task);
  // From JavaScript's thread, around each promise.
  void begin(Napi::Env env);
  void end(Napi::Env env);

 private:
  const std::shared_ptr<std::atomic<bool>> closed_ = std::make_shared<std::atomic<bool>>(false);
  Napi::ThreadSafeFunction function_;
  int pending_ = 0;
};

}  // namespace phi3lab
