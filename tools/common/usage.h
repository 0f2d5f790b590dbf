// What a command line takes, read from its parser: what completion and man pages are made from.
#pragma once

#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's own
class App;
}  // namespace CLI

namespace vit::tools {

/// An option or positional of a command.
struct UsageOption {
  std::vector<std::string> names;  ///< `-m`, `--model`; of a positional, its name
  std::string value;               ///< `FILE`, as --help shows it; empty: it takes none
  bool value_optional = false;
  bool positional = false;
  bool many = false;  ///< positional: as many as there are
  bool required = false;
  std::string help;
  std::string group;

  // What its value may be.
  std::vector<std::string> words;
  bool files = false;
  bool folders = false;
  bool architectures = false;
};

struct Usage {
  std::string name;
  std::string description;
  std::string examples;
  std::vector<UsageOption>
      options;  ///< in the order in which they were added, hidden ones left out

  /// The headings of --help, in its order; the first is the empty one.
  std::vector<std::string> groups() const;
};

Usage read_usage(const CLI::App& app);

/// The script that makes a shell complete the command: `bash`, `zsh` or `fish`.
std::string completion(const Usage& usage, const std::string& shell);

/// The manual page, as man(7) source.
std::string man_page(const Usage& usage);

}  // namespace vit::tools
