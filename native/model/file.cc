#include "file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace phi3lab {

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw std::runtime_error("[open] Could not read " + path + ": " + std::strerror(errno));
  struct stat status{};
  const bool known = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  size_ = known ? static_cast<int64_t>(status.st_size) : 0;
  void* address =
      size_ > 0 ? ::mmap(nullptr, static_cast<size_t>(size_), PROT_READ, MAP_SHARED, descriptor, 0) : MAP_FAILED;
  const int reason = errno;
  ::close(descriptor);
  if (!known) throw std::runtime_error("[open] " + path + " is not a file");
  if (size_ == 0) throw std::runtime_error("[open] " + path + " is empty");
  if (address == MAP_FAILED) throw std::runtime_error("[open] Could not map " + path + ": " + std::strerror(reason));
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size_)); }

}  // namespace phi3lab
