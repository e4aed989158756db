// Weights on their way from a mapped file into the GPU's memory: threads copy pieces into pinned memory, from where
// the GPU fetches them and, where the format differs or rows change places, converts them. Reading, copying and
// conversion overlap; when the last piece has gone no copy is left on the host.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "compact.h"
#include "memory.h"

namespace phi3lab::cuda {

class Loader {
 public:
  Loader(std::shared_ptr<Memory> memory, int device);
  /** Drops what waits, and ends the threads. */
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /** Sends a group's rows to target (rows, cols) `dtype`. Returns before they are there; waits while much is under way.
   * Throws what went wrong with earlier ones. */
  void send(const RowGroup& group, int64_t cols, void* target, Dtype dtype);
  /** Sends a group's rows, of the matrix's type, to its rows from `first` on. */
  void send(const RowGroup& group, const CompactMatrix& target, int64_t first);
  /** Waits until everything sent is there. */
  void finish();

 private:
  struct Piece {
    WeightType type;
    const unsigned char* source;
    int64_t rows, cols;
    size_t bytes;
    void* target;            // of the group's first row where `row_map` is set, else of the piece's
    const int32_t* row_map;  // in the GPU's memory: of the piece's rows
    std::shared_ptr<DeviceMemory> map_memory;
    Dtype dtype;
    CompactMatrix compact;  // where the rows become its rows from `compact_first` on, counted as `target` is
    int64_t compact_first;
    std::shared_ptr<const void> owner;  // of the source
  };
  class Lane;
  void send(const RowGroup& group, Piece piece);
  void run();
  void stop() noexcept;

  std::shared_ptr<Memory> memory_;
  int device_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  size_t waiting_bytes_ = 0;
  int busy_ = 0;
  bool stopped_ = false;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

}  // namespace phi3lab::cuda
