// A weight file mapped read-only: its pages are the page cache's, shared with every other process that reads it. What
// others do to the file meanwhile shows in them; `check` tells.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "lost_pages.h"

namespace phi3lab {

class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  int64_t size() const { return size_; }
  const std::string& path() const { return path_; }

  // Throws where the file was truncated or overwritten since it was mapped, or a page of it could not be read. One that
  // was removed, or replaced by another of its name, lives on.
  void check() const;

 private:
  std::string path_;
  int descriptor_ = -1;
  struct stat mapped_{};  // as it was then
  const std::byte* data_ = nullptr;
  int64_t size_ = 0;
  WatchedRange* watched_ = nullptr;
};

}  // namespace phi3lab
