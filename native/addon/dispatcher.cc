#include "dispatcher.h"

namespace phi3lab {

Dispatcher::Dispatcher(Napi::Env env)
    : function_(Napi::ThreadSafeFunction::New(env, Napi::Function(), "phi3lab", 0, 1,
                                              [closed = closed_](Napi::Env) { *closed = true; })) {
  function_.Unref(env);
}

Dispatcher::~Dispatcher() {
  if (!*closed_) function_.Release();
}

void Dispatcher::post(Task task) {
  function_.NonBlockingCall(new Task(std::move(task)), [](Napi::Env env, Napi::Function, Task* owned) {
    if (!static_cast<napi_env>(env)) return;
    const std::unique_ptr<Task> it(owned);
    (*it)(env);
  });
}

void Dispatcher::begin(Napi::Env env) {
  if (pending_++ == 0) function_.Ref(env);
}

void Dispatcher::end(Napi::Env env) {
  if (--pending_ == 0) function_.Unref(env);
}

}  // namespace phi3lab
