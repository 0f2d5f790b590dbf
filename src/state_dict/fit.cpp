#include "vit/state_dict/fit.h"

#include <algorithm>
#include <map>
#include <set>

#include "vit/config/timm_names.h"
#include "vit/core/error.h"
#include "vit/core/nearest.h"

namespace vit::state_dict {
namespace {

constexpr std::size_t kShownInLine = 3;
constexpr std::size_t kShownInList = 20;

struct Misfit {
  std::string prefix;  ///< of the file's names, that the model's lack; empty where there is none
  std::vector<std::string> missing, unexpected, misshapen;
  bool empty() const { return missing.empty() && unexpected.empty() && misshapen.empty(); }
};

void describe(std::string& text, const char* what, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  text += format("{}{} {} (", text.empty() ? "" : "; ", lines.size(), what);
  for (std::size_t i = 0; i < std::min(lines.size(), kShownInLine); ++i)
    text += (i == 0 ? "" : ", ") + lines[i];
  text += lines.size() > kShownInLine ? ", …)" : ")";
}

void list(Log* log, const char* what, const std::vector<std::string>& lines) {
  if (log == nullptr || lines.size() <= kShownInLine) return;
  for (std::size_t i = 0; i < std::min(lines.size(), kShownInList); ++i)
    log->warning("{}: {}", what, lines[i]);
  if (lines.size() > kShownInList)
    log->warning("{}: … and {} more", what, lines.size() - kShownInList);
}

[[noreturn]] void refuse(const Misfit& misfit, const std::string& where, Log* log) {
  list(log, "missing", misfit.missing);
  list(log, "unexpected", misfit.unexpected);
  list(log, "misshapen", misfit.misshapen);
  std::string text;
  describe(text, "missing", misfit.missing);
  describe(text, "unexpected", misfit.unexpected);
  describe(text, "misshapen", misfit.misshapen);
  if (!misfit.prefix.empty()) text += format(" (`strip_prefix` {} makes them fit)", misfit.prefix);
  throw DataError("{}: the tensors are not the model's: {}", where, text);
}

/// What stands before most of the missing names in the file's: "backbone." where the file has
/// backbone.norm.weight. Empty where nothing does.
std::string foreign_prefix(const std::vector<std::string>& names,
                           const std::vector<std::string>& missing) {
  std::set<std::string, std::less<>> wanted;
  for (const auto& name : missing) {
    wanted.insert(name);
    wanted.insert(config::TimmKeyMap::to_timm(name));
  }
  std::map<std::string_view, std::size_t> counts;
  for (const std::string_view name : names)
    for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1))
      if (wanted.contains(name.substr(dot + 1))) ++counts[name.substr(0, dot + 1)];
  const auto best =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  const bool most = best != counts.end() && 2 * best->second > missing.size();
  return most ? std::string(best->first) : "";
}

/// Empty where `weight` fits `wanted`; else what was expected and found.
std::string misshape(const Expected& wanted, const Weight& weight) {
  const auto found = weight.meta();
  if (found.shape() != wanted.shape)
    return format("{}: expected shape {}, found {}", weight.name, wanted.shape, found.shape());
  if (found.is_floating_point() != wanted.floating_point)
    return format("{}: expected a floating-point type, found {}", weight.name,
                  io::name_of(found.dtype()));
  return "";
}

std::string with_guess(const std::string& name, const std::vector<std::string>& candidates) {
  const auto shown = name.empty() ? "''" : name;
  const auto guess = nearest(name, candidates);
  return guess.empty() ? shown : shown + ", near " + guess;
}

}  // namespace

Fitted fit_weights(const std::vector<Expected>& model, std::vector<Weight> weights,
                   const FitOptions& options, Log* log) {
  std::map<std::string, Weight*> by_name;
  std::vector<std::string> names;  // in the file's order
  for (auto& weight : weights) {
    if (!by_name.emplace(weight.name, &weight).second)
      throw DataError("{}: two tensors become '{}'", options.where, weight.name);
    names.push_back(weight.name);
  }
  Fitted fitted;
  Misfit misfit;
  for (const auto& wanted : model) {
    const auto& name = wanted.name;
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      misfit.missing.push_back(name + " " + format("{}", wanted.shape));
      continue;
    }
    if (auto text = misshape(wanted, *found->second); !text.empty())
      misfit.misshapen.push_back(std::move(text));
    fitted.weights.push_back(std::move(*found->second));
    by_name.erase(found);
  }
  std::vector<std::string> missing_names;
  for (const auto& line : misfit.missing) missing_names.push_back(line.substr(0, line.find(' ')));
  std::erase_if(names, [&](const std::string& name) { return !by_name.contains(name); });
  for (const auto& name : names) {
    if (options.drop_unused)
      fitted.dropped.push_back(name);
    else if (misfit.unexpected.size() < kShownInList)
      misfit.unexpected.push_back(with_guess(name, missing_names));
    else
      misfit.unexpected.push_back(name);
  }
  misfit.prefix = foreign_prefix(names, missing_names);
  if (!misfit.empty()) refuse(misfit, options.where, log);
  return fitted;
}

}  // namespace vit::state_dict
