#include "run_folder.h"

#include "vit/core/file.h"

namespace vit::tools {
namespace fs = std::filesystem;

train::TrainOptions read_args(const fs::path& folder) {
  const auto file = folder / "args.json";
  const auto json = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  train::TrainOptions options;
  fields_from_json(options, json, file.string());
  return options;
}

train::Checkpoint need_checkpoint(const fs::path& folder, Log& log) {
  if (auto checkpoint = train::find_checkpoint(folder / "checkpoints", log)) return *checkpoint;
  throw IoError("{}: expected a checkpoint to resume from, found none that verifies",
                folder.string());
}

void check_run_folder(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) return;
  if (!fs::is_directory(folder, ignored))
    throw IoError("{}: expected a folder to write the run to", folder.string());
  if (!fs::is_empty(folder))
    throw IoError("{}: holds files already (--force replaces the run in it, --resume goes on)",
                  folder.string());
}

void clear_run_folder(const fs::path& folder) {
  for (const auto* name : {"args.json", "log.jsonl", "summary.csv", "best.safetensors",
                           "last.safetensors", "checkpoints"})
    fs::remove_all(folder / name);
}

}  // namespace vit::tools
