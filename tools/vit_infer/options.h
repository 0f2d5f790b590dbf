// vit-infer's command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vit/core/visit.h"

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

  std::optional<std::int64_t> topk;  ///< null: 5, or with a threshold all
  std::string activation = "softmax";
  std::optional<double> threshold;
  std::string format;  ///< empty: text, or npy where an array is asked for
  std::filesystem::path output;
  bool force = false;
  bool resume = false;
  std::string on_error = "fail";

  std::int64_t batch_size = 8;
  std::int64_t workers = 0;  ///< 0: as many as there are threads, up to 8
  bool profile = false;
  bool benchmark = false;
  std::filesystem::path trace;

  std::string features;
  std::filesystem::path attention;
  std::string attention_method = "rollout";
  std::filesystem::path html;
  bool preprocess_only = false;

  std::string every;               ///< frames of a video: a number, or seconds as `0.5s`
  std::filesystem::path annotate;  ///< the video with labels drawn

  bool validate = false;
  std::filesystem::path labels_csv;
  std::filesystem::path class_map;
  bool class_order = false;
  std::filesystem::path confusion;
};

template <class Visitor>
void visit_model(InferOptions& o, Visitor&& v) {
  v("model", o.model,
    Field{.help = "Model file, timm folder, or weights with --arch/--config",
          .flag = "-m,--model",
          .value = "FILE"});
  v("architecture", o.arch,
    Field{.help = "Architecture, where the file does not say", .flag = "--arch", .value = "ARCH"});
  v("config_file", o.config,
    Field{
        .help = "Configuration, where the file does not say", .flag = "--config", .value = "FILE"});
  v("precision", o.precision,
    Field{.help = "auto, fp32, fp32x3, bf16 or int8; auto is int8 for an int8 file, else fp32. The "
                  "modules, as on CUDA: auto (fp32), fp32, bf16 or fp16",
          .names = {"auto", "fp32", "fp32x3", "bf16", "int8", "fp16"}});
  v("engine", o.engine,
    Field{.help = "auto, packed or modules; auto is packed on a CPU",
          .names = {"auto", "packed", "modules"}});
  v("low_memory", o.low_memory,
    Field{.help = "Keep weights of fp32 as long as in the file; products take longer: a tenth on "
                  "AVX2 and AVX-512, a half on AMX"});
}

template <class Visitor>
void visit_rows(InferOptions& o, Visitor&& v) {
  v("topk", o.topk,
    Field{.help = "Classes of each row (5; with `threshold` all)", .low = 1, .high = 1e9});
  v("activation", o.activation,
    Field{.help = "softmax, or sigmoid: each class by itself", .names = {"softmax", "sigmoid"}});
  v("threshold", o.threshold,
    Field{.help = "Only classes of at least this probability", .low = 0, .high = 1});
  v("format", o.format,
    Field{.help = "text, csv, json, jsonl or npy (text)",
          .names = {"text", "csv", "json", "jsonl", "npy"}});
  v("output", o.output,
    Field{.help = "File for the rows (standard output)", .flag = "-o,--output", .value = "FILE"});
  v("force", o.force, Field{.help = "Replace files that exist"});
  v("resume", o.resume,
    Field{.help = "Go on after the last whole row of FILE.part; a FILE that exists is whole "
                  "(exit 4)"});
  v("on_error", o.on_error,
    Field{.help = "fail, or skip: a row with the error, and go on", .names = {"fail", "skip"}});
}

template <class Visitor>
void visit_speed(InferOptions& o, Visitor&& v) {
  v("batch_size", o.batch_size, Field{.help = "Images at a time", .low = 1, .high = 65536});
  v("workers", o.workers,
    Field{.help = "Threads that decode; 0: as many as --threads, up to 8", .low = 0, .high = 1024});
  v("profile", o.profile,
    Field{.help = "Say how long each step took; with --benchmark, each step of the model"});
  v("benchmark", o.benchmark,
    Field{.help = "Time the model on random input; -v also prints its steps"});
  v("trace", o.trace,
    Field{.help = "With --benchmark: the steps of one pass, for chrome://tracing",
          .value = "FILE"});
}

template <class Visitor>
void visit_inside(InferOptions& o, Visitor&& v) {
  v("features", o.features,
    Field{.help = "Write cls, mean, tokens, pooled or layer:N as npy", .value = "KIND"});
  v("attention", o.attention, Field{.help = "Folder for one overlay PNG an image", .value = "DIR"});
  v("attention_method", o.attention_method,
    Field{.help = "last or rollout", .names = {"last", "rollout"}});
  v("html", o.html,
    Field{.help = "One page with images, predictions and attention", .value = "FILE"});
  v("preprocess_only", o.preprocess_only,
    Field{.help = "Write the model's input as npy (needs -o)"});
}

template <class Visitor>
void visit_video(InferOptions& o, Visitor&& v) {
  v("every", o.every,
    Field{.help = "Each Nth frame, or one each N seconds (0.5s)", .value = "N|Ns"});
  v("annotate", o.annotate,
    Field{.help = "Write the video (.mp4 .avi .mkv .mov) with the most probable class on every "
                  "frame",
          .value = "FILE"});
}

template <class Visitor>
void visit_measuring(InferOptions& o, Visitor&& v) {
  v("validate", o.validate,
    Field{.help =
              "INPUT is class folders, tar shards, an archive of images or IDX files: a folder, "
              "a pattern, a tar, or two IDX files"});
  v("labels_csv", o.labels_csv,
    Field{.help = "With --validate: images in INPUT have any number of classes, as this CSV says "
                  "(see vit-train); mAP",
          .value = "FILE"});
  v("class_map", o.class_map,
    Field{.help = "Text file with one class folder a line, in the order of the model's classes "
                  "(default: the model's labels; \\xHH in a name is a byte, so that the folder "
                  "T-shirt\\x2ftop is the class T-shirt/top); of a flat archive: an image and its "
                  "class a line",
          .value = "FILE"});
  v("class_order", o.class_order,
    Field{.help = "The class folders in natural order are the model's classes, whatever their "
                  "names"});
  v("confusion", o.confusion,
    Field{.help = "CSV of true and predicted classes (--validate)", .value = "FILE"});
}

template <class Visitor>
void visit(InferOptions& o, Visitor&& v) {
  v("inputs", o.inputs,
    Field{.help = "Images, folders, - (paths on standard input), .npy or .safetensors tensors, "
                  "videos (.mp4 .avi .mkv .mov .webm), camera:N",
          .flag = "INPUT",
          .value = "..."});
  v("null_separated", o.null_separated,
    Field{.help = "Paths on standard input end in NUL, as find -print0 writes them",
          .flag = "-0,--null"});
  visit_model(o, in_group("Model", v));
  visit_rows(o, in_group("Rows", v));
  visit_speed(o, in_group("Speed", v));
  visit_inside(o, in_group("Looking inside", v));
  visit_video(o, in_group("Videos and cameras", v));
  visit_measuring(o, in_group("Measuring", v));
}

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
