#include "vit/core/log.h"

#include "vit/core/text.h"

namespace vit {
namespace {

std::string render(const LogOptions& options, std::string_view level, std::string_view text) {
  const auto message = one_line(text);
  if (options.format == LogFormat::kJson)
    return Json{{"program", options.program}, {"level", level}, {"message", message}}.dump() + "\n";
  const bool plain = level == "info";
  return format("{}: {}{}{}\n", options.program, plain ? "" : level, plain ? "" : ": ", message);
}

}  // namespace

void Log::error(std::string_view message) {
  write(LogLevel::kQuiet, "error", std::string(message));
}

void Log::write(LogLevel level, const char* name, const std::string& message) {
  if (options_.stream == nullptr || level > options_.level) return;
  const auto line = render(options_, name, options_.wording ? options_.wording(message) : message);
  const std::lock_guard lock(mutex_);
  std::fwrite(line.data(), 1, line.size(), options_.stream);
  std::fflush(options_.stream);
}

}  // namespace vit
