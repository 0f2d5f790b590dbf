#include "splits.h"

#include <array>
#include <filesystem>
#include <optional>
#include <system_error>

#include "vit/core/contains.h"
#include "vit/data/dataset.h"

namespace vit::data {
namespace fs = std::filesystem;

std::vector<std::string> spellings(const std::string& split) {
  static const std::array<std::vector<std::string>, 2> kSynonyms{
      {{"train", "training"}, {"val", "valid", "validation", "eval", "evaluation"}}};
  std::vector<std::string> names{split};
  for (const auto& synonyms : kSynonyms)
    if (contains(synonyms, split))
      for (const auto& name : synonyms)
        if (name != split) names.push_back(name);
  return names;
}

std::optional<fs::path> find_split(const fs::path& folder, const std::string& split) {
  std::error_code ignored;
  for (const auto& name : spellings(split))
    if (!name.empty() && fs::is_directory(folder / name, ignored)) return folder / name;
  return std::nullopt;
}

}  // namespace vit::data
