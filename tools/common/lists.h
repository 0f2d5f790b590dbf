// Options that take several values: `1,2,3` or `1 2 3`, and never the positional behind them.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's own
class App;
class Option;
}  // namespace CLI

namespace vit::tools {

/// What stands between the separators; one part, empty, of an empty text.
std::vector<std::string> split(const std::string& text, char separator);

/// What may stand in a list, and so where it ends on the command line.
enum class ListOf {
  kNumbers,    ///< separated by commas or spaces; ends before what is no number
  kKeyValues,  ///< `key=value` words; ends before a word without `=`
  kWords,      ///< ends before the next option; commas are part of a word
};

/// Stands for an empty word behind an option that may stand without one; no command line has it.
inline constexpr const char* kEmptyWord = "\x1f";

struct ListOption {
  std::string names;  ///< `--mean`; of several, separated by commas, messages show the last
  ListOf of = ListOf::kNumbers;
  std::size_t min = 1, max = 1;  ///< values; 0 is allowed for `min`
};

class Lists {
 public:
  /// `set` gets the values. An option that is given twice takes its last list, but key=value words
  /// add up.
  CLI::Option* add(CLI::App& app, const ListOption& option,
                   std::function<void(const std::vector<std::string>&)> set,
                   const std::string& description);

  /// The same for an option that stands already: up to `max` values after it belong to it.
  void join(const ListOption& option) { options_.push_back(option); }

  /// An option that may stand without a word; of several names, separated by commas. CLI11 takes an
  /// empty word for none: it gets kEmptyWord instead.
  void may_stand_alone(const std::string& names) { alone_.push_back(names); }

  /// `arguments` with each list as one argument, as the options that `add` made expect it.
  std::vector<std::string> gather(const std::vector<std::string>& arguments) const;

 private:
  std::vector<ListOption> options_;
  std::vector<std::string> alone_;  // names of options
};

}  // namespace vit::tools
