#include "vit/pipeline/validate.h"

#include <filesystem>

#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/data/class_map.h"
#include "vit/data/label_table.h"
#include "vit/data/shards.h"

namespace vit::pipeline {
namespace {

namespace fs = std::filesystem;

bool names_labels(const std::string& path) { return path.find("label") != std::string::npos; }

/// Whether there is such a folder with folders or tar shards in it, and so no class folder itself.
bool holds_images_of_classes(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code ignored;
    if (entry.is_directory(ignored) || data::is_shard(entry.path())) return true;
  }
  return false;
}

/// `folder`, or where it is a whole dataset's, the half of it that validates.
fs::path validation_half(const fs::path& folder, Log* log) {
  const auto train = data::find_split(folder, data::DataOptions().train_split);
  if (!train || !holds_images_of_classes(*train)) return folder;
  const auto half = data::find_split(folder, data::DataOptions().val_split);
  if (!half || !holds_images_of_classes(*half)) return folder;
  if (log != nullptr)
    log->info("validates on {}, not on {}/", printable(half->string()),
              printable(train->filename().string()));
  return *half;
}

}  // namespace

ValidationData open_validation_data(const std::vector<std::string>& inputs, std::int64_t channels,
                                    const fs::path& class_map, Log* log) {
  const bool of_images = !class_map.empty() && data::read_file_classes(class_map).has_value();
  if (inputs.size() == 1) {
    const bool idx = data::has_idx_files(inputs[0]);
    auto dataset =
        data::open_validation(idx ? fs::path(inputs[0]) : validation_half(inputs[0], log), channels,
                              of_images ? class_map : fs::path());
    const bool by_index = !dataset->has_class_names();
    return {std::move(dataset), by_index, of_images};
  }
  if (inputs.size() != 2)
    throw UsageError("validation: expected one folder, shards or two IDX files, found {} inputs",
                     inputs.size());
  const bool swapped = names_labels(inputs[0]) && !names_labels(inputs[1]);
  return {data::open_idx(inputs[swapped ? 1 : 0], inputs[swapped ? 0 : 1], channels), true};
}

ValidationData open_labelled_validation_data(const std::vector<std::string>& inputs,
                                             const fs::path& labels_csv, std::int64_t channels,
                                             Log* log) {
  std::error_code ignored;
  if (inputs.size() != 1 || !fs::is_directory(inputs[0], ignored))
    throw UsageError("labels_csv: expected one folder that its files are in");
  const auto half = data::find_split(inputs[0], data::DataOptions().val_split);
  if (half && log != nullptr) log->info("validates on {}", printable(half->string()));
  const auto split = half ? half->lexically_relative(inputs[0]) : fs::path();
  return {
      data::open_labelled_images(inputs[0], split, data::read_label_table(labels_csv), channels),
      false};
}

}  // namespace vit::pipeline
