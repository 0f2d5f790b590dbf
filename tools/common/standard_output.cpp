#include "common/standard_output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "vit/core/error.h"

namespace vit::tools {
namespace {

/// True for a pipe whose other end is closed.
bool reader_left() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

}  // namespace

void hold_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one. Opened so that reading what is no input and writing what
    // is no output still fail.
    const int mode = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", mode) < 0) return;
  }
}

std::string flush_standard_output() {
  errno = 0;
  std::cout.flush();
  std::fflush(stdout);
  // 0 where the failure was an earlier write's.
  const int reason = errno;
  if ((std::cout.good() && std::ferror(stdout) == 0) || reader_left()) return "";
  return format("standard output: cannot be written{}",
                reason == 0 ? "" : std::string(": ") + std::strerror(reason));
}

}  // namespace vit::tools
