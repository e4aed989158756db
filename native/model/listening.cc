// What listens to a session's passes while a call lasts: its edits, and what gathers intermediates.
#include "session.h"
#include "taps.h"

namespace phi3lab {

Session::Listening::Listening(Phi3& phi3, std::shared_ptr<const EditList> edits)
    : phi3_(phi3), edits_(std::move(edits)) {
  if (!edits_) return;
  phi3_.set_edits(edits_.get());
  const auto within = [this](Half half, int64_t layer) { return edits_->within(half, layer); };
  phi3_.backend().set_tap(
      [this](const char* name, int64_t layer, Tensor view, int64_t first) { edit(name, layer, view, first); },
      edits_->hooked() ? Backend::Within() : within);
}

Session::Listening::~Listening() {
  phi3_.backend().set_tap({});
  phi3_.keep_attention_weights({});
  phi3_.set_edits(nullptr);
}

void Session::Listening::edit(const char* name, int64_t layer, Tensor view, int64_t first) {
  if (edits_) edits_->apply(phi3_.backend(), name, layer, view, phi3_.input(view.rows), first);
}

void Session::Listening::record(TapCollector& taps) {
  const auto within = [this, &taps](Half half, int64_t layer) {
    return taps.within(half, layer) || (edits_ && edits_->within(half, layer));
  };
  phi3_.backend().set_tap(
      [this, &taps](const char* name, int64_t layer, Tensor view, int64_t first) {
        edit(name, layer, view, first);
        taps.receive(name, layer, view);
      },
      edits_ && edits_->hooked() ? Backend::Within() : within);
  phi3_.keep_attention_weights([&taps](int64_t layer, int64_t count, int64_t) { return taps.weights(layer, count); });
}

}  // namespace phi3lab
