// A weight file mapped read-only: its pages are the page cache's, shared with every other process that reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

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

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace phi3lab
