#include "options.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::tools {
namespace {

bool parse_number(const char* text, std::int64_t& value) {
  const std::string all = text;
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), value);
  return error == std::errc() && end == all.data() + all.size();
}

}  // namespace

void check_infer_options(const InferOptions& o) {
  const int modes = o.validate + o.preprocess_only + o.benchmark + !o.features.empty();
  if (modes > 1)
    throw UsageError("expected one of --validate, --preprocess-only, --benchmark and --features");
  if (o.inputs.empty() && !o.benchmark)
    throw UsageError("expected an INPUT: images, folders, - or tensors");
  if (o.benchmark && !o.inputs.empty())
    throw UsageError("--benchmark: expected no INPUT (its input is random), found '{}'",
                     o.inputs[0]);
  const bool list = std::find(o.inputs.begin(), o.inputs.end(), "-") != o.inputs.end();
  if (o.null_separated && (!list || o.validate))
    throw UsageError("-0: expected - (paths on standard input) among the INPUTs");
  if (o.preprocess_only && o.output.empty())
    throw UsageError("--preprocess-only: expected -o FILE");
  const bool array = o.preprocess_only || !o.features.empty();
  if (array && !o.format.empty() && o.format != "npy")
    throw UsageError("--format {}: expected npy, which {} writes", o.format,
                     o.preprocess_only ? "--preprocess-only" : "--features");
  if ((o.validate || o.benchmark) && !o.format.empty() && o.format != "text" && o.format != "json")
    throw UsageError("--format {}: expected text or json, which {} writes", o.format,
                     o.validate ? "--validate" : "--benchmark");
  if (!o.trace.empty() && !o.benchmark) throw UsageError("--trace: expected --benchmark too");
  if (!o.confusion.empty() && !o.validate) throw UsageError("--confusion: expected --validate too");
  if ((!o.class_map.empty() || o.class_order) && !o.validate)
    throw UsageError("{}: expected --validate too",
                     o.class_order ? "--class-order" : "--class-map");
  if (!o.class_map.empty() && o.class_order)
    throw UsageError("--class-order: expected no --class-map beside it");
  if (!o.labels_csv.empty() && !o.validate)
    throw UsageError("--labels-csv: expected --validate too");
  if (!o.labels_csv.empty() && (!o.class_map.empty() || o.class_order || !o.confusion.empty()))
    throw UsageError(
        "--labels-csv: expected no --class-map, --class-order or --confusion beside it");
  // Rows of npy have no classes, but a page or a video beside them has.
  const bool npy = o.format == "npy" && o.html.empty() && o.annotate.empty();
  const bool no_classes = o.validate || o.benchmark || array || npy;
  if (o.threshold && no_classes) throw UsageError("--threshold: expected rows of classes");
  if (o.activation != "softmax" && no_classes)
    throw UsageError("--activation {}: expected rows of classes", o.activation);
  const bool shows = !o.attention.empty() || !o.html.empty();
  if (shows && (o.validate || o.benchmark || o.preprocess_only))
    throw UsageError("--attention and --html go with predictions and features only");
  if (o.resume && (o.output.empty() || o.validate || o.benchmark))
    throw UsageError("--resume: expected rows with -o FILE");
  if (o.resume && !o.html.empty())
    throw UsageError("--html cannot be resumed: leave out --html or --resume");
}

std::filesystem::path Shard::name(const std::filesystem::path& path) const {
  if (world_size == 1 || path.empty() || find_output_target(path).special) return path;
  auto number = std::to_string(rank);
  const auto width = std::to_string(world_size - 1).size();
  number.insert(0, width - number.size(), '0');
  auto named = path;
  named.replace_filename(path.stem().string() + ".rank" + number + path.extension().string());
  return named;
}

Shard shard_from_environment() {
  const char* rank = std::getenv("RANK");
  const char* world_size = std::getenv("WORLD_SIZE");
  if (rank == nullptr || world_size == nullptr) return {};
  Shard shard;
  if (!parse_number(rank, shard.rank) || !parse_number(world_size, shard.world_size) ||
      shard.rank < 0 || shard.rank >= shard.world_size)
    throw UsageError("RANK and WORLD_SIZE: expected 0 <= RANK < WORLD_SIZE, found '{}' and '{}'",
                     rank, world_size);
  return shard;
}

std::optional<std::int64_t> local_rank() {
  const char* text = std::getenv("LOCAL_RANK");
  if (text == nullptr) return std::nullopt;
  std::int64_t rank = 0;
  if (!parse_number(text, rank) || rank < 0 || rank > 999)
    throw UsageError("LOCAL_RANK: expected a whole number from 0 to 999, found '{}'", text);
  return rank;
}

}  // namespace vit::tools
