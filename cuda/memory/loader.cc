#include "loader.h"

#include <algorithm>
#include <cstring>

#include "convert.h"

namespace phi3lab::cuda {
namespace {

// Bytes that a lane moves at once: so few that the GPU fetches them from the processor's cache. On an H200's machine
// pieces of 8 MiB came at 23 GB/s, of 1 MiB at 33 to 35, of 55 that pinned memory gives.
constexpr size_t kPiece = size_t{1} << 20;
constexpr size_t kMostWaiting = size_t{512} << 20;  // so that the progress shown is nearly what has been read

int lanes() {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  return static_cast<int>(std::min(cores, 12u));
}

}  // namespace

/** One thread's two pinned buffers, with what the GPU needs to take one in while the other is filled. */
class Loader::Lane {
 public:
  Lane(const std::shared_ptr<Memory>& memory, int device) {
    PHI3LAB_CUDA_CHECK(cudaSetDevice(device));
    PHI3LAB_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    for (Half& half : halves_) {
      PHI3LAB_CUDA_CHECK(cudaHostAlloc(&half.pinned, kPiece, cudaHostAllocDefault));
      PHI3LAB_CUDA_CHECK(cudaEventCreateWithFlags(&half.taken, cudaEventDisableTiming));
    }
    memory_ = memory;
  }
  ~Lane() {
    if (stream_) cudaStreamSynchronize(stream_);
    for (Half& half : halves_) {
      cudaFreeHost(half.pinned);
      if (half.taken) cudaEventDestroy(half.taken);
    }
    if (stream_) cudaStreamDestroy(stream_);
  }

  void move(const Piece& piece) {
    Half& half = halves_[next_ ^= 1];
    PHI3LAB_CUDA_CHECK(cudaEventSynchronize(half.taken));
    std::memcpy(half.pinned, piece.source, piece.bytes);
    const bool compact = piece.compact.quants != nullptr;
    if (!compact && !piece.row_map && same_format(piece.type, piece.dtype)) {
      PHI3LAB_CUDA_CHECK(cudaMemcpyAsync(piece.target, half.pinned, piece.bytes, cudaMemcpyHostToDevice, stream_));
    } else {
      if (half.staged.bytes() == 0) half.staged = DeviceMemory(memory_, kPiece);
      PHI3LAB_CUDA_CHECK(
          cudaMemcpyAsync(half.staged.data(), half.pinned, piece.bytes, cudaMemcpyHostToDevice, stream_));
      if (compact)
        repack_rows(piece.compact, piece.compact_first, half.staged.data(), piece.row_map, piece.rows, stream_);
      else
        convert_rows(piece.target, half.staged.data(), piece.row_map, piece.type, piece.rows, piece.cols, piece.dtype,
                     stream_);
      maps_[next_] = piece.map_memory;
    }
    PHI3LAB_CUDA_CHECK(cudaEventRecord(half.taken, stream_));
  }
  void wait() {
    PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(stream_));
    for (auto& map : maps_) map.reset();
  }

 private:
  struct Half {
    void* pinned = nullptr;
    cudaEvent_t taken = nullptr;
    DeviceMemory staged;  // the piece in the file's format, where it is converted
  };
  std::shared_ptr<Memory> memory_;
  cudaStream_t stream_ = nullptr;
  Half halves_[2];
  std::shared_ptr<DeviceMemory> maps_[2];
  int next_ = 0;
};

Loader::Loader(std::shared_ptr<Memory> memory, int device) : memory_(std::move(memory)), device_(device) {
  for (int i = 0; i < lanes(); i++) threads_.emplace_back([this] { run(); });
}

Loader::~Loader() { stop(); }

void Loader::stop() noexcept {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    pieces_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void Loader::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  try {
    std::unique_ptr<Lane> lane;  // pinned memory is dear to make: a lane that gets no work makes none
    for (;;) {
      changed_.wait(lock, [this] { return stopped_ || !pieces_.empty(); });
      if (stopped_) break;
      while (!stopped_ && !pieces_.empty()) {
        const Piece piece = std::move(pieces_.front());
        pieces_.pop_front();
        busy_++;
        lock.unlock();
        try {
          if (!lane) lane = std::make_unique<Lane>(memory_, device_);
          lane->move(piece);
        } catch (...) {
          lock.lock();
          busy_--;
          throw;
        }
        lock.lock();
        busy_--;
        waiting_bytes_ -= piece.bytes;
        changed_.notify_all();
      }
      if (!lane) continue;
      busy_++;
      lock.unlock();
      std::exception_ptr failure;
      try {
        lane->wait();
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      busy_--;
      if (failure) std::rethrow_exception(failure);
      changed_.notify_all();
    }
    lock.unlock();
    lane.reset();
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    if (!failure_) failure_ = std::current_exception();
    stopped_ = true;
    pieces_.clear();
    changed_.notify_all();
  }
}

void Loader::send(const RowGroup& group, int64_t cols, void* target, Dtype dtype) {
  Piece piece{};
  piece.cols = cols;
  piece.target = target;
  piece.dtype = dtype;
  send(group, std::move(piece));
}

void Loader::send(const RowGroup& group, const CompactMatrix& target, int64_t first) {
  Piece piece{};
  piece.cols = target.cols;
  piece.compact = target;
  piece.compact_first = first;
  send(group, std::move(piece));
}

void Loader::send(const RowGroup& group, Piece piece) {
  const auto stride = static_cast<int64_t>(row_bytes(group.type, piece.cols));
  if (stride > static_cast<int64_t>(kPiece)) throw std::runtime_error("[place] Expected rows of at most 1 MiB");
  piece.type = group.type;
  piece.owner = group.owner;
  if (!group.output_row.empty()) {
    const size_t bytes = group.output_row.size() * sizeof(int32_t);
    piece.map_memory = std::make_shared<DeviceMemory>(memory_, bytes);
    // From memory that is not pinned a small copy returns before it has arrived, and the lanes' streams wait for no
    // other.
    PHI3LAB_CUDA_CHECK(cudaMemcpy(piece.map_memory->data(), group.output_row.data(), bytes, cudaMemcpyHostToDevice));
    PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(nullptr));
  }
  const int64_t most = static_cast<int64_t>(kPiece) / stride;
  for (int64_t first = 0; first < group.rows; first += most) {
    Piece next = piece;
    next.source = static_cast<const unsigned char*>(group.data) + first * stride;
    next.rows = std::min(most, group.rows - first);
    next.bytes = static_cast<size_t>(next.rows * stride);
    if (piece.map_memory)
      next.row_map = piece.map_memory->as<int32_t>() + first;
    else if (piece.target)
      next.target = static_cast<char*>(piece.target) + first * piece.cols * size_of(piece.dtype);
    else
      next.compact_first += first;
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || waiting_bytes_ < kMostWaiting; });
    if (failure_) std::rethrow_exception(failure_);
    waiting_bytes_ += next.bytes;
    pieces_.push_back(std::move(next));
    lock.unlock();
    changed_.notify_all();
  }
}

void Loader::finish() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || (pieces_.empty() && busy_ == 0); });
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace phi3lab::cuda
