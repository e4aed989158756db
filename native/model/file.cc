#include "file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace phi3lab {
namespace {

const timespec& modified(const struct stat& status) {
#ifdef __APPLE__
  return status.st_mtimespec;
#else
  return status.st_mtim;
#endif
}

bool is_same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  // A pipe would be waited for.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) throw std::runtime_error("[open] Could not read " + path + ": " + std::strerror(errno));
  const bool known = ::fstat(descriptor_, &mapped_) == 0 && S_ISREG(mapped_.st_mode);
  size_ = known ? static_cast<int64_t>(mapped_.st_size) : 0;
  void* address =
      size_ > 0 ? ::mmap(nullptr, static_cast<size_t>(size_), PROT_READ, MAP_SHARED, descriptor_, 0) : MAP_FAILED;
  const int reason = errno;
  if (address == MAP_FAILED) ::close(descriptor_);
  if (!known) throw std::runtime_error("[open] " + path + " is not a file");
  if (size_ == 0) throw std::runtime_error("[open] " + path + " is empty");
  if (address == MAP_FAILED) throw std::runtime_error("[open] Could not map " + path + ": " + std::strerror(reason));
  data_ = static_cast<const std::byte*>(address);
  watched_ = watch_pages(data_, static_cast<size_t>(size_));
}

MappedFile::~MappedFile() {
  unwatch_pages(watched_);
  ::munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size_));
  ::close(descriptor_);
}

void MappedFile::check() const {
  struct stat now{};
  const bool known = ::fstat(descriptor_, &now) == 0;
  const char* what = known && now.st_size < mapped_.st_size                     ? "was truncated"
                     : known && !is_same_time(modified(now), modified(mapped_)) ? "was overwritten"
                     : watched_->lost                                           ? "could not be read any more"
                                                                                : nullptr;
  if (what)
    throw std::runtime_error("[weights] " + path_ + " " + what +
                             " while its model was loaded; load the model again, from a whole file");
}

}  // namespace phi3lab
