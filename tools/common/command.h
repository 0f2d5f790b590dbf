// What the three commands share: options, one-line errors, exit codes, --version, --list-models.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/lists.h"
#include "vit/core/error.h"
#include "vit/core/log.h"

namespace vit::tools {

/// A command line program: options go into `app()`, the work into `run`.
class Command {
 public:
  /// `examples` closes the help text.
  Command(const std::string& name, const std::string& description, const std::string& examples);

  CLI::App& app() { return app_; }
  /// Where options that take lists are added.
  Lists& lists() { return lists_; }
  /// Parses, runs `body` and turns every outcome into its exit code (tools/README.md) and one line
  /// on stderr.
  /// `body` returns the exit code of a run that threw nothing.
  int run(int argc, char** argv, const std::function<int()>& body);
  /// Called with the number of threads before the body.
  void on_start(std::function<void(int threads)> start) { start_ = std::move(start); }
  /// What a failure that is no Error amounts to; none where it is not known.
  using Explain = std::function<std::optional<Error>(const std::exception&, bool verbose)>;
  void on_failure(Explain explain) { explain_ = std::move(explain); }
  /// Ends the program once all that is buffered is written. LibTorch would otherwise take its table
  /// of operators apart, entry by entry, which takes as long as answering one image.
  [[noreturn]] static void end(int code);

  // What follows is for `body`, after parsing.
  Log& log() { return *log_; }
  bool quiet() const { return quiet_; }
  const std::string& device_name() const { return device_; }
  int threads() const { return threads_; }
  std::uint64_t seed() const { return seed_; }

 private:
  int parse_and_run(int argc, char** argv, const std::function<int()>& body);
  int report(ErrorKind kind, const std::string& message);

  CLI::App app_;
  Lists lists_;
  std::string name_;
  std::string device_ = "auto";
  int threads_ = 0;
  std::uint64_t seed_ = 42;
  std::function<void(int)> start_;
  Explain explain_;
  bool verbose_ = false;
  bool quiet_ = false;
  std::string log_format_ = "text";
  std::unique_ptr<Log> log_;
};

/// A numeric option that rejects what is not finite or outside [low, high], naming flag and range.
template <class T>
CLI::Option* add_number(CLI::App& app, const std::string& flags, T& value, double low, double high,
                        const std::string& description) {
  auto* option = app.add_option(flags, value, description);
  option->check([=](const std::string& text) -> std::string {
    double number = NAN;
    const bool whole = std::is_integral_v<T>;
    if (!CLI::detail::lexical_cast(text, number) || !std::isfinite(number) || number < low ||
        number > high || (whole && number != std::floor(number)))
      return format("expected a {}number from {} to {}, found '{}'", whole ? "whole " : "", low,
                    high, text);
    return "";
  });
  return option;
}

}  // namespace vit::tools
