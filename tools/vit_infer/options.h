// vit-infer's command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/command.h"

namespace vit::tools {

struct InferOptions {
  std::vector<std::string> inputs;
  bool null_separated = false;  ///< the list on standard input

  std::filesystem::path model;
  std::string arch;
  std::filesystem::path config;
  std::string precision = "auto";
  std::string engine = "auto";
  bool low_memory = false;

  std::int64_t topk = 5;
  std::string format;  ///< empty: text, or npy where an array is asked for
  std::filesystem::path output;
  bool force = false;
  bool resume = false;

  std::int64_t batch_size = 8;
  std::int64_t workers = 0;  ///< 0: as many as there are threads, up to 8
  std::string on_error = "fail";
  bool profile = false;

  std::string features;
  std::filesystem::path attention;
  std::string attention_method = "rollout";
  std::filesystem::path html;

  std::string every;               ///< frames of a video: a number, or seconds as `0.5s`
  std::filesystem::path annotate;  ///< the video with labels drawn

  bool validate = false;
  std::filesystem::path class_map;
  bool class_order = false;
  std::filesystem::path confusion;
  bool preprocess_only = false;
  bool benchmark = false;
};

void add_infer_options(CLI::App& app, InferOptions& options);

/// Throws UsageError where options do not go together.
void check_infer_options(const InferOptions& options);

/// `--every` and `--annotate` against the inputs. Throws UsageError.
void check_video_options(const InferOptions& options);

/// This process's place among several (`RANK`, `WORLD_SIZE`); one of one without them.
struct Shard {
  std::int64_t rank = 0;
  std::int64_t world_size = 1;

  /// `rows.jsonl` → `rows.rank3.jsonl`, the number padded so that names sort by rank. Devices
  /// and pipes keep their names.
  std::filesystem::path name(const std::filesystem::path& path) const;
};

/// Throws UsageError where the variables are no whole numbers with 0 ≤ RANK < WORLD_SIZE.
Shard shard_from_environment();

/// `LOCAL_RANK`: this process's number on its machine. None where it is not set; throws UsageError
/// where it is no whole number from 0 on.
std::optional<std::int64_t> local_rank();

}  // namespace vit::tools
