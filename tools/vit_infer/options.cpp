#include "options.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::tools {
namespace {

constexpr double kManyImages = 65536;

void add_model_options(CLI::App& app, InferOptions& o) {
  const std::string group = "Model";
  app.add_option("-m,--model", o.model, "Model file, timm folder, or weights with --arch/--config")
      ->type_name("FILE")
      ->required()
      ->group(group);
  app.add_option("--arch", o.arch, "Architecture, where the file does not say")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--config", o.config, "Configuration, where the file does not say")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--precision", o.precision,
                 "auto, fp32, fp32x3, bf16 or int8 (auto: int8 for an int8 file, else fp32)")
      ->check(CLI::IsMember({"auto", "fp32", "fp32x3", "bf16", "int8"}))
      ->group(group);
  app.add_option("--engine", o.engine, "auto, packed or modules (auto: packed on a CPU)")
      ->check(CLI::IsMember({"auto", "packed", "modules"}))
      ->group(group);
  app.add_flag("--low-memory", o.low_memory,
               "Keep each weight once; on AVX2 products are about a tenth slower")
      ->group(group);
}

void add_row_options(CLI::App& app, InferOptions& o) {
  const std::string group = "Rows";
  add_number(app, "--topk", o.topk, 1, 1e9, "Classes of each row (5)")->group(group);
  app.add_option("--format", o.format, "text, csv, json, jsonl or npy (text)")
      ->check(CLI::IsMember({"text", "csv", "json", "jsonl", "npy"}))
      ->group(group);
  app.add_option("-o,--output", o.output, "File for the rows (standard output)")
      ->type_name("FILE")
      ->group(group);
  app.add_flag("--force", o.force, "Replace files that exist")->group(group);
  app.add_flag("--resume", o.resume,
               "Go on after the last whole row of FILE.part; a FILE that exists is whole (exit 4)")
      ->group(group);
  app.add_option("--on-error", o.on_error, "fail, or skip: a row with the error, and go on")
      ->check(CLI::IsMember({"fail", "skip"}))
      ->group(group);
}

void add_video_options(CLI::App& app, InferOptions& o) {
  const std::string group = "Videos and cameras";
  app.add_option("--every", o.every, "Each Nth frame, or one each N seconds (0.5s)")
      ->type_name("N|Ns")
      ->group(group);
  app.add_option(
         "--annotate", o.annotate,
         "Write the video (.mp4 .avi .mkv .mov) with the most probable class on every frame")
      ->type_name("FILE")
      ->group(group);
}

void add_other_options(CLI::App& app, InferOptions& o) {
  const std::string speed = "Speed";
  add_number(app, "--batch-size", o.batch_size, 1, kManyImages, "Images at a time (8)")
      ->group(speed);
  add_number(app, "--workers", o.workers, 0, 1024,
             "Threads that decode (0: as many as --threads, up to 8)")
      ->group(speed);
  app.add_flag("--profile", o.profile, "Say how long each step took")->group(speed);
  app.add_flag("--benchmark", o.benchmark, "Time the model on random input")->group(speed);

  const std::string inside = "Looking inside";
  app.add_option("--features", o.features, "Write cls, mean, tokens, pooled or layer:N as npy")
      ->type_name("KIND")
      ->group(inside);
  app.add_option("--attention", o.attention, "Folder for one overlay PNG an image")
      ->type_name("DIR")
      ->group(inside);
  app.add_option("--attention-method", o.attention_method, "last or rollout (rollout)")
      ->check(CLI::IsMember({"last", "rollout"}))
      ->group(inside);
  app.add_option("--html", o.html, "One page with images, predictions and attention")
      ->type_name("FILE")
      ->group(inside);
  app.add_flag("--preprocess-only", o.preprocess_only, "Write the model's input as npy (needs -o)")
      ->group(inside);

  add_video_options(app, o);

  const std::string measuring = "Measuring";
  app.add_flag("--validate", o.validate,
               "INPUT is a folder of class folders or of IDX files, or two IDX files")
      ->group(measuring);
  app.add_option("--class-map", o.class_map,
                 "Text file with one class folder a line, in the order of the model's classes "
                 "(default: the model's labels; \\xHH in a name is a byte, so that the folder "
                 "T-shirt\\x2ftop is the class T-shirt/top)")
      ->type_name("FILE")
      ->group(measuring);
  app.add_flag("--class-order", o.class_order,
               "The class folders in natural order are the model's classes, whatever their names")
      ->group(measuring);
  app.add_option("--confusion", o.confusion, "CSV of true and predicted classes (--validate)")
      ->type_name("FILE")
      ->group(measuring);
}

bool parse_number(const char* text, std::int64_t& value) {
  const std::string all = text;
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), value);
  return error == std::errc() && end == all.data() + all.size();
}

}  // namespace

void add_infer_options(CLI::App& app, InferOptions& o) {
  app.add_option("INPUT", o.inputs,
                 "Images, folders, - (paths on standard input), .npy or .safetensors tensors, "
                 "videos (.mp4 .avi .mkv .mov .webm), camera:N");
  app.add_flag("-0,--null", o.null_separated,
               "Paths on standard input end in NUL, as find -print0 writes them");
  add_model_options(app, o);
  add_row_options(app, o);
  add_other_options(app, o);
}

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
  if (!o.confusion.empty() && !o.validate) throw UsageError("--confusion: expected --validate too");
  if ((!o.class_map.empty() || o.class_order) && !o.validate)
    throw UsageError("{}: expected --validate too",
                     o.class_order ? "--class-order" : "--class-map");
  if (!o.class_map.empty() && o.class_order)
    throw UsageError("--class-order: expected no --class-map beside it");
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
