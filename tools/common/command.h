// What the three commands share: options, one-line errors, exit codes, --version, --list-models.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/flags.h"
#include "common/lists.h"
#include "vit/core/error.h"
#include "vit/core/log.h"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's own
class App;
}  // namespace CLI

namespace vit::tools {

/// What each command can be told.
struct CommonOptions {
  std::string device = "auto";
  std::optional<int> threads;  ///< null: the cores there are
  std::uint64_t seed = 42;
  bool verbose = false;
  bool quiet = false;
  std::string log_format = "text";
};

template <class Visitor>
void visit(CommonOptions& o, Visitor&& v) {
  v("device", o.device,
    Field{.help = "auto, cpu, cuda or cuda:N", .value = "auto|cpu|cuda|cuda:N"});
  v("threads", o.threads,
    Field{.help = "Threads (default: the cores there are)", .low = 1, .high = 4096});
  v("seed", o.seed, Field{.help = "Seed of everything random", .low = 0, .high = 9007199254740992});
  v("verbose", o.verbose, Field{.help = "Say more", .flag = "-v,--verbose"});
  v("quiet", o.quiet, Field{.help = "Say nothing but errors", .flag = "-q,--quiet"});
  v("log_format", o.log_format, Field{.help = "text or json", .names = {"text", "json"}});
}

/// A command line program: options go into `flags()`, the work into `run`.
class Command {
 public:
  /// `examples` closes the help text.
  Command(const std::string& name, const std::string& description, const std::string& examples);
  ~Command();

  /// Where options are added, from the field lists of structs.
  Flags& flags() { return flags_; }
  /// An option whose absence is an error of the parser's. `name`: a name of it.
  void require(const std::string& name);
  /// Whether an option that every command has was given.
  bool was_given(const std::string& field) const { return given_.contains(field); }
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
  bool quiet() const { return common_.quiet; }
  const std::string& device_name() const { return common_.device; }
  int threads() const { return *common_.threads; }
  std::uint64_t seed() const { return common_.seed; }

 private:
  int parse_and_run(int argc, char** argv, const std::function<int()>& body);
  std::unique_ptr<Log> make_log(LogLevel level, LogFormat format) const;
  /// One line on stderr.
  int report(ErrorKind kind, const std::string& message);

  std::unique_ptr<CLI::App> app_;
  Lists lists_;
  Flags flags_{*app_, lists_};
  std::string name_;
  CommonOptions common_;
  Json given_ = Json::object();  // of them
  std::function<void(int)> start_;
  Explain explain_;
  std::unique_ptr<Log> log_;
};

}  // namespace vit::tools
