// Messages for people, on stderr. A Log is handed to whoever may speak; there is no global one.
#pragma once

#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "vit/core/error.h"
#include "vit/core/json.h"

namespace vit {

enum class LogLevel : int { kQuiet = 0, kWarning = 1, kInfo = 2, kDebug = 3 };
enum class LogFormat { kText, kJson };

struct LogOptions {
  std::string program;  ///< opens every text line: `vit-train: ...`
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  std::FILE* stream = stderr;  ///< null: says nothing
  /// What is written in place of a message: a program's own words for the library's. Empty: as is.
  std::function<std::string(const std::string& message)> wording = {};
};

/// Thread-safe; one call writes one whole line.
class Log {
 public:
  explicit Log(LogOptions options) : options_(std::move(options)) {}
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  template <class... Args>
  void debug(std::string_view text, const Args&... args) {
    write(LogLevel::kDebug, "debug", format(text, args...));
  }
  template <class... Args>
  void info(std::string_view text, const Args&... args) {
    write(LogLevel::kInfo, "info", format(text, args...));
  }
  template <class... Args>
  void warning(std::string_view text, const Args&... args) {
    write(LogLevel::kWarning, "warning", format(text, args...));
  }
  /// Always written, `-q` or not.
  void error(std::string_view message);

  const LogOptions& options() const { return options_; }

 private:
  void write(LogLevel level, const char* name, const std::string& message);

  LogOptions options_;
  std::mutex mutex_;
};

}  // namespace vit
