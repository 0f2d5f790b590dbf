#include "run_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "vit/core/contains.h"
#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/data/folder_walk.h"
#include "vit/data/shards.h"
#include "vit/pipeline/row_output.h"

namespace vit::tools {
namespace fs = std::filesystem;
namespace {

using data::is_folder;

/// The regular files right in a folder, sorted.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (std::error_code ignored; it->is_regular_file(ignored)) files.push_back(it->path());
  std::sort(files.begin(), files.end());
  return files;
}

/// What of a model folder makes the model: configuration and weights.
bool is_model_part(const fs::path& file) {
  constexpr std::array<const char*, 7> kSuffixes{".json", ".safetensors", ".bin", ".pth",
                                                 ".pt",   ".ckpt",        ".npz"};
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](const char* suffix) { return file.extension() == suffix; });
}

std::vector<pipeline::FileStamp> stamp_model(const InferOptions& options) {
  std::vector<fs::path> files{options.model};
  if (is_folder(options.model)) {
    files = files_in(options.model);
    std::erase_if(files, [](const fs::path& file) { return !is_model_part(file); });
  }
  if (!options.config.empty()) files.push_back(options.config);
  std::vector<pipeline::FileStamp> stamps;
  for (const auto& file : files)
    if (std::error_code none; fs::is_regular_file(file, none))
      stamps.push_back(pipeline::stamp_file(file));
  return stamps;
}

/// The file that standard output is redirected to; empty where it is none.
fs::path file_of_stdout() {
  struct stat status {};
  std::error_code error;
  if (::fstat(1, &status) != 0 || !S_ISREG(status.st_mode)) return {};
  auto file = fs::read_symlink("/proc/self/fd/1", error);
  return error ? fs::path() : file;
}

}  // namespace

RunFiles::RunFiles(const InferOptions& options) : options_(options), model_(stamp_model(options)) {
  reads_file(options.model);
  if (is_folder(options.model))
    for (const auto& file : files_in(options.model)) reads_file(file);
  if (!options.config.empty()) reads_file(options.config);
  if (!options.class_map.empty()) reads_file(options.class_map);
  if (!options.labels_csv.empty()) reads_file(options.labels_csv);
  for (const auto& input : options.inputs) {
    if (input == "-") {
      reads_file("/dev/stdin");
    } else if (is_folder(input)) {
      overlay_roles_.reads_tree(input);
      // Those of IDX datasets stand right in their folder.
      if (options.validate)
        for (const auto& file : files_in(input)) reads_file(file);
    } else if (options.validate && data::names_shards(input)) {
      for (const auto& file : data::expand_shards(input)) reads_file(file);
    } else {
      roles_.reads(input);
      overlay_roles_.reads_member(input);
    }
  }
}

void RunFiles::reads_file(const fs::path& file) {
  roles_.reads(file);
  overlay_roles_.reads(file);
}

void RunFiles::writes_report(const fs::path& file) {
  if (const auto target = file.empty() ? file_of_stdout() : file; !target.empty()) {
    replaces_ = replaces_ || file_id(target).has_value();
    roles_.writes(target, options_.force || file.empty());
  }
}

void RunFiles::writes_rows(const fs::path& file, pipeline::RowFormat format) {
  if (file.empty()) {
    writes_report(file);
    return;
  }
  // Whether an earlier run's files may be gone on from is RowOutput's to say.
  bool force = options_.force || options_.resume;
  for (const auto& path : pipeline::RowOutput::files_of(file, format)) {
    roles_.writes(path, force);
    force = true;
  }
}

void RunFiles::watch(pipeline::FileInputOptions& inputs) {
  const bool overlays = !options_.attention.empty();
  inputs.on_file = [this, overlays](const fs::path& file) {
    roles_.reads_once(file);
    if (overlays) overlay_roles_.reads_member(file);
  };
  inputs.on_folder = [this](const fs::path& folder) { overlay_roles_.reads_tree(folder); };
}

void RunFiles::reads(const data::Dataset& dataset) {
  if (!replaces_) return;
  for (const auto& file : dataset.files()) roles_.reads_once(file);
}

pipeline::RunRecord RunFiles::record(const Shard& shard, const infer::Predictor& predictor,
                                     std::int64_t answers_topk) const {
  const auto& o = options_;
  pipeline::RunRecord record;
  record.model = model_;
  auto& facts = record.facts;
  const auto choices = predictor.choices();
  auto inputs = Json::array();
  for (const auto& input : o.inputs) inputs.push_back(printable(input));
  facts["inputs"] = std::move(inputs);
  if (contains(o.inputs, std::string("-"))) facts["null"] = o.null_separated;
  const bool relative = std::any_of(o.inputs.begin(), o.inputs.end(), [](const auto& input) {
    return !fs::path(input).is_absolute();
  });
  if (relative) facts["working folder"] = printable(fs::current_path().string());
  if (!o.arch.empty()) facts["arch"] = o.arch;
  facts["format"] = answers_topk == 0 ? "npy" : o.format.empty() ? "text" : o.format;
  if (answers_topk > 0) facts["topk"] = answers_topk;
  if (o.activation != "softmax") facts["activation"] = o.activation;
  if (o.threshold) facts["threshold"] = *o.threshold;
  if (!o.features.empty()) facts["features"] = o.features;
  if (o.preprocess_only) facts["preprocess-only"] = true;
  if (!o.every.empty()) facts["every"] = o.every;
  facts["batch-size"] = o.batch_size;
  facts["on-error"] = o.on_error;
  facts["precision"] = choices["precision"];
  facts["engine"] = choices["engine"];
  facts["low-memory"] = o.low_memory;
  const auto device = choices["device"].get<std::string>();
  facts["device"] = device.substr(0, device.find(':'));
  if (!o.attention.empty()) {
    facts["attention"] = printable(o.attention.string());
    facts["attention-method"] = o.attention_method;
  }
  facts["rank"] = shard.rank;
  facts["world size"] = shard.world_size;
  // Last: kernels follow from what is asked for, and the first difference is the one that is named.
  facts["program"] = format("vit-infer {}, {}", VIT_VERSION, choices["kernels"].get<std::string>());
  return record;
}

}  // namespace vit::tools
