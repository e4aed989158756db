#include "file.h"

#include <stdexcept>

#ifdef _WIN32
#define NOMINMAX
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#endif

namespace phi3lab {

#ifdef _WIN32

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const int length = MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, nullptr, 0);
  std::wstring wide(static_cast<size_t>(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, wide.data(), length);
  file_ =
      CreateFileW(wide.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  LARGE_INTEGER size{};
  if (file_ == INVALID_HANDLE_VALUE || !GetFileSizeEx(file_, &size))
    throw std::runtime_error("[open] Could not read " + path + ": error " + std::to_string(GetLastError()));
  size_ = size.QuadPart;
  if (size_ == 0) throw std::runtime_error("[open] " + path + " is empty");
  mapping_ = CreateFileMappingW(file_, nullptr, PAGE_READONLY, 0, 0, nullptr);
  if (mapping_) data_ = static_cast<const std::byte*>(MapViewOfFile(mapping_, FILE_MAP_READ, 0, 0, 0));
  if (!data_) throw std::runtime_error("[open] Could not map " + path + ": error " + std::to_string(GetLastError()));
}

MappedFile::~MappedFile() {
  if (data_) UnmapViewOfFile(data_);
  if (mapping_) CloseHandle(mapping_);
  if (file_ && file_ != INVALID_HANDLE_VALUE) CloseHandle(file_);
}

#else

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

#endif

}  // namespace phi3lab
