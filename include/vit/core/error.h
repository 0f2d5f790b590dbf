// The one exception type of the library. Its kind is the exit code of the commands.
#pragma once

#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace vit {

/// What went wrong, as the commands' exit codes name it.
enum class ErrorKind : int {
  kData = 1,         ///< a file is not what it must be; a comparison failed
  kUsage = 2,        ///< arguments, or a device that is not there
  kNotFinite = 3,    ///< the loss is not finite
  kIo = 4,           ///< missing, unreadable, not writable, disk full
  kDistributed = 5,  ///< a process group failed
};

namespace detail {

template <class T>
void append(std::ostringstream& out, const T& value) {
  out << value;
}
inline void append(std::ostringstream& out, bool value) { out << (value ? "true" : "false"); }

/// `[1, 197, 768]`, as PyTorch prints shapes.
template <class T>
void append(std::ostringstream& out, const std::vector<T>& values) {
  out << '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out << ", ";
    append(out, values[i]);
  }
  out << ']';
}

inline void format_rest(std::ostringstream& out, std::string_view text) { out << text; }

template <class First, class... Rest>
void format_rest(std::ostringstream& out, std::string_view text, const First& first,
                 const Rest&... rest) {
  const auto hole = text.find("{}");
  out << text.substr(0, hole);
  if (hole == std::string_view::npos) return;
  append(out, first);
  format_rest(out, text.substr(hole + 2), rest...);
}

}  // namespace detail

/// Replaces each `{}` of `text` by the next argument. Vectors print as `[1, 2]`.
template <class... Args>
std::string format(std::string_view text, const Args&... args) {
  std::ostringstream out;
  detail::format_rest(out, text, args...);
  return out.str();
}

/// Says in one line where, what was expected, and what was found.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}

  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

/// One `Error` for each kind, so that a throw reads `throw DataError("{}: expected {}", file, x)`.
template <ErrorKind Kind>
class ErrorOf : public Error {
 public:
  template <class... Args>
  explicit ErrorOf(std::string_view text, const Args&... args)
      : Error(Kind, format(text, args...)) {}
};

using DataError = ErrorOf<ErrorKind::kData>;
using UsageError = ErrorOf<ErrorKind::kUsage>;
using NotFiniteError = ErrorOf<ErrorKind::kNotFinite>;
using IoError = ErrorOf<ErrorKind::kIo>;
using DistributedError = ErrorOf<ErrorKind::kDistributed>;

/// The text of an exception, in one line.
std::string error_message(const std::exception_ptr& error);

}  // namespace vit
