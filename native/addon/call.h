// A call of a model as a promise: work on the model's own thread, then on JavaScript's, where the promise is settled.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "dispatcher.h"
#include "native/model/session.h"

namespace phi3lab {

// What work on a session's thread returns: called on JavaScript's thread, it makes the promise's value.
using Finish = std::function<Napi::Value(Napi::Env)>;
using Work = std::function<Finish(Session&)>;

// Whatever the work throws rejects the promise with an Error; an abort's is named AbortError. Work that runs out of
// memory is tried once more, after results that nobody holds were collected.
Napi::Value promise(Napi::Env env, std::shared_ptr<Session> session, std::shared_ptr<Dispatcher> dispatcher, Work work);

}  // namespace phi3lab
