#include "call.h"

#include <new>

#include "environment.h"

namespace phi3lab {
namespace {

class Call : public std::enable_shared_from_this<Call> {
 public:
  Call(Napi::Env env, std::shared_ptr<Session> session, std::shared_ptr<Dispatcher> dispatcher, Work work)
      : deferred_(env), session_(std::move(session)), dispatcher_(std::move(dispatcher)), work_(std::move(work)) {
    dispatcher_->begin(env);
  }
  Napi::Value promise() const { return deferred_.Promise(); }

  void post() {
    session_->worker().post([self = shared_from_this()]() mutable {
      self->run();
      // The call travels on with its result: the session's last owner must not be its own thread.
      Dispatcher& dispatcher = *self->dispatcher_;
      dispatcher.post([self = std::move(self)](Napi::Env env) { self->settle(env); });
    });
  }

 private:
  void run() {
    error_.clear();
    aborted_ = out_of_memory_ = false;
    try {
      finish_ = work_(*session_);
    } catch (const Aborted& caught) {
      aborted_ = true;
      error_ = caught.what();
    } catch (const OutOfMemory& caught) {
      out_of_memory_ = true;
      error_ = caught.what();
    } catch (const std::bad_alloc&) {
      out_of_memory_ = true;
      error_ = "Cannot allocate the memory that the work needs";
    } catch (const std::exception& caught) {
      error_ = caught.what();
    }
  }

  void settle(Napi::Env env) {
    const Napi::HandleScope scope(env);
    // Results that nobody holds any more may still hold the device's memory.
    if (const auto& collect = environment_of(env).collect; out_of_memory_ && !tried_again_ && !collect.IsEmpty()) {
      tried_again_ = true;
      try {
        collect.Call(
            {Napi::Function::New(env, [self = shared_from_this()](const Napi::CallbackInfo&) { self->post(); })});
        return;
      } catch (const Napi::Error&) {
        // Then the error stands.
      }
    }
    dispatcher_->end(env);
    if (finish_) {
      try {
        deferred_.Resolve(finish_(env));
      } catch (const Napi::Error& caught) {
        deferred_.Reject(caught.Value());
      }
      return;
    }
    Napi::Object value = Napi::Error::New(env, error_).Value();
    if (aborted_) value.Set("name", "AbortError");
    deferred_.Reject(value);
  }

  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Session> session_;
  std::shared_ptr<Dispatcher> dispatcher_;
  Work work_;
  Finish finish_;
  std::string error_;
  bool aborted_ = false, out_of_memory_ = false, tried_again_ = false;
};

}  // namespace

Napi::Value promise(Napi::Env env, std::shared_ptr<Session> session, std::shared_ptr<Dispatcher> dispatcher,
                    Work work) {
  const auto call = std::make_shared<Call>(env, std::move(session), std::move(dispatcher), std::move(work));
  const Napi::Value promise = call->promise();
  call->post();
  return promise;
}

}  // namespace phi3lab
