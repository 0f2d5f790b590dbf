#include "common/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <opencv2/core/version.hpp>

#include "common/list_models.h"
#include "common/standard_output.h"
#include "common/usage.h"
#include "vit/core/isa.h"
#include "vit/core/threads.h"
#include "vit/engine/module_library.h"

namespace vit::tools {
namespace {

/// What LibTorch says of itself; of a build without it, that it is not there.
std::string torch_versions() {
  try {
    return engine::module_library().versions();
  } catch (const UsageError& error) {
    return format("LibTorch not available: {}", error.what());
  }
}

std::string version_text(const std::string& name) {
  return format("{} {}\n{}\nOpenCV {}\nKernels {}", name, VIT_VERSION, torch_versions(), CV_VERSION,
                isa_name(detect_isa()));
}

}  // namespace

Command::Command(const std::string& name, const std::string& description,
                 const std::string& examples)
    : app_(std::make_unique<CLI::App>(description, name)), name_(name) {
  app_->footer(examples);
  app_->set_help_flag("-h,--help", "Print this and exit");
  app_->option_defaults()->always_capture_default(false);
  app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  const auto* group = "Every command";
  app_->add_flag_callback(
          "--version",
          [this] {
            std::cout << version_text(name_) << '\n';
            throw CLI::Success();
          },
          "Versions, CPU capability, and CUDA or why not")
      ->group(group);
  app_->add_option_function<std::string>(
          "--list-models",
          [](const std::string& glob) {
            list_models(std::cout, glob.empty() ? "*" : glob);
            throw CLI::Success();
          },
          "Print the architectures that match GLOB, and exit")
      ->expected(0, 1)
      ->type_name("[GLOB]")
      ->trigger_on_parse()
      ->group(group);
  lists_.join({"--list-models", ListOf::kWords, 0, 1});
  app_->add_option_function<std::string>(
          "--generate",
          [this](const std::string& what) {
            const auto usage = read_usage(*app_);
            std::cout << (what == "man" ? man_page(usage) : completion(usage, what));
            throw CLI::Success();
          },
          "Print this help as a manual page, or what makes a shell complete the command, and exit")
      ->check(CLI::IsMember({"man", "bash", "zsh", "fish"}))
      ->trigger_on_parse()
      ->group(group);
  flags_.show("architecture_names", "--list-models");
  flags_.add(common_, &given_, group);
}

Command::~Command() = default;

void Command::require(const std::string& name) { app_->get_option(name)->required(); }

/// That writes flags where the library names fields.
std::unique_ptr<Log> Command::make_log(LogLevel level, LogFormat format) const {
  return std::make_unique<Log>(LogOptions{
      .program = name_, .level = level, .format = format, .wording = [this](const auto& message) {
        return flags_.in_flags(message);
      }});
}

int Command::report(ErrorKind kind, const std::string& message) {
  if (!log_) log_ = make_log(LogLevel::kInfo, LogFormat::kText);
  log_->error(kind == ErrorKind::kUsage ? flags_.with_leading_flag(message) : message);
  return static_cast<int>(kind);
}

void Command::end(int code) {
  std::cout.flush();
  std::fflush(nullptr);
  std::_Exit(code);
}

int Command::run(int argc, char** argv, const std::function<int()>& body) {
  hold_standard_descriptors();
  const int code = parse_and_run(argc, argv, body);
  const auto problem = flush_standard_output();
  // What the work wrote there itself has been said.
  if (problem.empty() || code == static_cast<int>(ErrorKind::kIo)) return code;
  const int failed = report(ErrorKind::kIo, problem);
  return code == 0 ? failed : code;
}

int Command::parse_and_run(int argc, char** argv, const std::function<int()>& body) {
  flags_.finish_help();
  try {
    auto arguments = lists_.gather({argv + 1, argv + argc});
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app_->parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_->exit(error);
    return report(ErrorKind::kUsage, error.what());
  } catch (const Error& error) {
    return report(error.kind(), error.what());
  }
  const auto level = common_.quiet     ? LogLevel::kQuiet
                     : common_.verbose ? LogLevel::kDebug
                                       : LogLevel::kInfo;
  log_ = make_log(level, common_.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  if (!common_.threads) common_.threads = available_cores();
  try {
    if (start_) start_(threads());
    return body();
  } catch (const Error& error) {
    return report(error.kind(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return report(ErrorKind::kIo, error.what());
  } catch (const std::exception& error) {
    const auto known = explain_ ? explain_(error, common_.verbose) : std::nullopt;
    if (known) return report(known->kind(), known->what());
    const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
    return report(memory ? ErrorKind::kIo : ErrorKind::kData,
                  memory ? "not enough memory" : error.what());
  }
}

}  // namespace vit::tools
