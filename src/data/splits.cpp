#include "splits.h"

#include <array>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "vit/core/contains.h"
#include "vit/data/archive.h"
#include "vit/data/dataset.h"

namespace vit::data {
namespace fs = std::filesystem;
namespace {

bool holds_folders(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code none;
    const bool hidden = entry.path().filename().string().starts_with('.');
    if (!hidden && entry.is_directory(none)) return true;
  }
  return false;
}

/// `train.tar` by any of the names of its half, or ImageNet's own.
std::optional<fs::path> find_archive(const fs::path& folder, const std::string& split,
                                     const char* imagenet) {
  std::error_code none;
  for (const auto& name : spellings(split))
    if (const auto file = folder / (name + ".tar"); fs::is_regular_file(file, none)) return file;
  if (fs::is_regular_file(folder / imagenet, none)) return folder / imagenet;
  return std::nullopt;
}

}  // namespace

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

std::optional<ArchiveHalves> find_archive_halves(const fs::path& folder) {
  const DataOptions names;
  auto train = find_archive(folder, names.train_split, "ILSVRC2012_img_train.tar");
  auto validation = find_archive(folder, names.val_split, "ILSVRC2012_img_val.tar");
  if (!train || !validation || holds_folders(folder)) return std::nullopt;
  return ArchiveHalves{std::move(*train), std::move(*validation)};
}

}  // namespace vit::data
