// The edits of a call, as src/native/edits.ts's NativeEdit has them.
#pragma once

#include <napi.h>

#include <functional>

#include "dispatcher.h"
#include "native/model/session.h"

namespace phi3lab {

// `own` gives a tensor of the call's model; `abort` ends the waiting for a function.
EditRequests edit_requests(const Napi::Value& value, const std::function<TensorRef(const Napi::Value&)>& own,
                           const std::shared_ptr<Dispatcher>& dispatcher, const AbortRef& abort);

}  // namespace phi3lab
