// Work on a session's own thread, for programs that hold a session without JavaScript.
#pragma once

#include <future>
#include <memory>

#include "native/model/session.h"

namespace phi3lab {

/** Runs work(session) on the session's thread; its result, or what it threw, comes through the future. */
template <class Work>
auto post(Session& session, Work work) {
  auto task =
      std::make_shared<std::packaged_task<decltype(work(session))()>>([&session, work] { return work(session); });
  auto result = task->get_future();
  session.worker().post([task] { (*task)(); });
  return result;
}

}  // namespace phi3lab
