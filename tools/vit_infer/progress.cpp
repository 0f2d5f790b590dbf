#include "progress.h"

#include <unistd.h>

#include <cstdio>

namespace vit::tools {
namespace {

using Clock = std::chrono::steady_clock;

std::string describe(std::int64_t done, std::int64_t total, double seconds) {
  char text[128];
  const double rate = static_cast<double>(done) / seconds;
  if (total == 0) {
    std::snprintf(text, sizeof text, "%lld  %.1f images/s", static_cast<long long>(done), rate);
  } else {
    const double left = static_cast<double>(total - done) / rate;
    std::snprintf(text, sizeof text, "%lld/%lld  %.1f images/s  %.0f s left",
                  static_cast<long long>(done), static_cast<long long>(total), rate, left);
  }
  return text;
}

}  // namespace

InferProgress::InferProgress(Log& log, bool quiet, std::int64_t total)
    : log_(log),
      // Rows on the same terminal would be torn apart by a bar.
      terminal_(!quiet && isatty(STDERR_FILENO) != 0 && isatty(STDOUT_FILENO) == 0 &&
                log.options().format == LogFormat::kText),
      total_(total),
      begin_(Clock::now()),
      last_(begin_) {}

InferProgress::~InferProgress() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void InferProgress::show(std::int64_t done) {
  const auto now = Clock::now();
  const auto pause = terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(30);
  if (now - last_ < pause) return;
  last_ = now;
  const auto text = describe(done, total_, std::chrono::duration<double>(now - begin_).count());
  if (!terminal_) {
    log_.info("{}", text);
    return;
  }
  std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace vit::tools
