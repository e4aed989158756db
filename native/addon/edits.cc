#include "edits.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "values.h"

namespace phi3lab {
namespace {

EditOp op_of(const Napi::Value& value) {
  const std::string name = js::string(value, "op");
  if (name == "add") return EditOp::add;
  if (name == "multiply") return EditOp::multiply;
  if (name == "set") return EditOp::set;
  if (name == "project_out") return EditOp::project_out;
  js::expected(value.Env(), "add, multiply, set or project_out", "op");
}

PositionChoice positions_of(const Napi::Object& object) {
  PositionChoice choice;
  if (const Napi::Value list = object.Get("rows"); !list.IsUndefined()) choice.list = js::ids(list, "rows");
  choice.from = js::integer(object, "from", 0);
  choice.to = js::integer(object, "to", INT64_MAX);
  return choice;
}

// An intermediate on its way through a function: the model's thread waits for what JavaScript's does with it.
struct Visit {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<float> numbers;
  bool done = false, failed = false;

  void end(bool well) {
    const std::lock_guard<std::mutex> lock(mutex);
    done = true, failed = !well;
    changed.notify_all();
  }
};

// call(numbers, rows, position, done): `done` gets the new numbers, undefined where they stay, or null for a failure.
Hook hook_of(const Napi::Value& value, const std::shared_ptr<Dispatcher>& dispatcher, const AbortRef& abort) {
  if (!value.IsFunction()) js::expected(value.Env(), "a function", "call");
  auto function = std::make_shared<Napi::FunctionReference>(Napi::Persistent(value.As<Napi::Function>()));
  return [function, dispatcher, abort](std::vector<float>& numbers, int64_t rows, int64_t position) {
    const auto visit = std::make_shared<Visit>();
    visit->numbers = std::move(numbers);
    dispatcher->post([function, visit, rows, position](Napi::Env env) {
      const Napi::HandleScope scope(env);
      try {
        auto array = Napi::Float32Array::New(env, visit->numbers.size());
        std::copy(visit->numbers.begin(), visit->numbers.end(), array.Data());
        const auto done = Napi::Function::New(env, [visit](const Napi::CallbackInfo& info) {
          const Napi::Value given = info[0];
          if (given.IsTypedArray() && given.As<Napi::TypedArray>().TypedArrayType() == napi_float32_array) {
            const auto changed = given.As<Napi::Float32Array>();
            if (changed.ElementLength() != visit->numbers.size()) return visit->end(false);
            std::copy(changed.Data(), changed.Data() + changed.ElementLength(), visit->numbers.begin());
          }
          visit->end(!given.IsNull());
        });
        function->Call({array, Napi::Number::New(env, static_cast<double>(rows)),
                        Napi::Number::New(env, static_cast<double>(position)), done});
      } catch (const Napi::Error&) {
        visit->end(false);
      }
    });
    std::unique_lock<std::mutex> lock(visit->mutex);
    while (!visit->changed.wait_for(lock, std::chrono::milliseconds(20), [&] { return visit->done; }))
      if (abort->aborted) throw Aborted();
    if (visit->failed) throw std::runtime_error("[hook] The function failed");
    numbers = std::move(visit->numbers);
  };
}

}  // namespace

EditRequests edit_requests(const Napi::Value& value, const std::function<TensorRef(const Napi::Value&)>& own,
                           const std::shared_ptr<Dispatcher>& dispatcher, const AbortRef& abort) {
  EditRequests requests;
  if (value.IsUndefined()) return requests;
  js::list(value, "edits", [&](const Napi::Value& item, const std::string& its) {
    const Napi::Object object = js::object(item, its);
    if (object.Has("heads")) {
      const auto heads = js::ids(object.Get("heads"), "heads");
      requests.knock_outs.push_back({js::integer(object, "layer"),
                                     {heads.begin(), heads.end()},
                                     positions_of(js::object(object.Get("queries"), its + ".queries")),
                                     positions_of(js::object(object.Get("keys"), its + ".keys"))});
      return true;
    }
    EditRequest request;
    request.at = js::string(object.Get("at"), its + ".at");
    if (object.Has("call")) {
      request.hook = hook_of(object.Get("call"), dispatcher, abort);
    } else {
      request.op = op_of(object.Get("op"));
      request.first = js::integer(object, "first");
      request.last = js::integer(object, "last");
      request.scale = static_cast<float>(js::number(object, "scale"));
      if (const Napi::Value vectors = object.Get("value"); !vectors.IsUndefined()) {
        const TensorRef tensor = own(vectors);
        if (!tensor->buffer) throw Napi::Error::New(value.Env(), "The value of an edit was disposed");
        const int64_t width = request.last - request.first;
        request.value = tensor->buffer;
        request.value_rows = width > 0 ? tensor->size() / width : 0;
      }
    }
    request.positions = positions_of(object);
    requests.edits.push_back(std::move(request));
    return true;
  });
  return requests;
}

}  // namespace phi3lab
