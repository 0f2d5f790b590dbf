// The command line of vit-convert.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "vit/core/visit.h"
#include "vit/model/convert.h"

namespace vit::tools {

struct ConvertArguments {
  std::filesystem::path input, output, labels, report, verify, calibrate;
  model::ConvertOptions options;
  std::string to = "native";
  std::string dtype = "keep";
  bool no_crc_check = false;
  bool inspect = false;
  std::string format = "text";
  std::optional<double> atol;
};

template <class Visitor>
void visit_source(ConvertArguments& a, Visitor&& v) {
  auto& load = a.options.load;
  v("architecture", load.architecture,
    Field{.help = "Architecture when the input does not say: timm's names; NAME.seed for the "
                  "seed's form",
          .flag = "--arch",
          .value = "ARCH"});
  v("config_file", load.config_file,
    Field{.help = "Our own JSON, or timm's or the Hub's config.json",
          .flag = "--config",
          .value = "FILE"});
  v("state_key", load.state_key,
    Field{.help = "Entry of a training checkpoint that holds the weights (default: "
                  "state_dict_ema, model_ema, state_dict, model, else the file itself)",
          .value = "KEY"});
  v("strip_prefix", load.strip_prefix,
    Field{.help = "Remove P from the names of the tensors (wrappers of training frameworks are "
                  "recognised without it)",
          .value = "P"});
  v("drop_unused", load.drop_unused,
    Field{.help = "Leave out tensors that the model has no place for (each is listed)"});
  v("check_crc=false", a.no_crc_check,
    Field{.help = "Accept a zip whose checksums are wrong", .flag = "--no-crc-check"});
}

template <class Visitor>
void visit_result(ConvertArguments& a, Visitor&& v) {
  v("to", a.to,
    Field{.help = "native: one model file; timm: a folder that timm loads",
          .names = {"native", "timm"}});
  v("dtype", a.dtype,
    Field{.help = "Type of the stored tensors: keep, fp32, fp16, bf16, or int8 (the linear layers "
                  "of the blocks, with a scale a row)",
          .names = {"keep", "fp32", "fp16", "bf16", "int8"}});
  v("calibrate", a.calibrate,
    Field{.help =
              "With int8: fit the scales to what the layers see in these images (a folder), and "
              "store one for each layer's input, which is then the same for all images",
          .value = "DIR"});
  v("labels", a.labels,
    Field{.help = "Class names, one a line, kept in the model", .value = "FILE"});
  v("report", a.report,
    Field{.help = "What was mapped to what, made, dropped, as JSON", .value = "FILE"});
  v("force", a.options.force, Field{.help = "Replace OUTPUT"});
}

template <class Visitor>
void visit_adaptation(model::Adaptation& adapt, Visitor&& v) {
  v("num_classes", adapt.num_classes,
    Field{.help = "Another number of classes: a new head", .low = 0, .high = 1e7});
  v("img_size", adapt.img_size,
    Field{.help = "Another input size: position embedding resampled",
          .low = 1,
          .high = 65536,
          .value = "N | H W"});
  v("patch_size", adapt.patch_size,
    Field{.help = "Another patch size: patch embedding resampled",
          .low = 1,
          .high = 65536,
          .value = "N | H W"});
  v("in_c", adapt.in_c,
    Field{.help = "Other input channels: summed, or repeated and scaled",
          .low = 1,
          .high = 4096,
          .flag = "--in-chans"});
  v("pos_interp", adapt.pos_interp,
    Field{.help = "bicubic (antialiased, timm from 0.8), bicubic-noaa (0.5 to 0.6) or bilinear "
                  "(older)",
          .names = {"bicubic", "bicubic-noaa", "bilinear"}});
}

template <class Visitor>
void visit_preprocessing(model::PreprocessingOverrides& overrides, Visitor&& v) {
  v("mean", overrides.mean,
    Field{.help = "Mean, a value a channel", .low = -1e6, .high = 1e6, .value = "X …"});
  v("std", overrides.std,
    Field{
        .help = "Standard deviation, a value a channel", .low = -1e6, .high = 1e6, .value = "X …"});
  v("crop_pct", overrides.crop_pct,
    Field{.help = "Centre crop's share of the resized side", .low = 0.01, .high = 10});
  v("crop_mode", overrides.crop_mode,
    Field{.help = "center, squash or border", .names = {"center", "squash", "border"}});
  v("interpolation", overrides.interpolation,
    Field{.help = "Resize filter: nearest, box, bilinear, hamming, bicubic or lanczos",
          .names = {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}});
  v("pillow", overrides.pillow,
    Field{.help = "Order of the resize passes: Pillow 12's or 13's", .low = 12, .high = 13});
}

template <class Visitor>
void visit(ConvertArguments& a, Visitor&& v) {
  v("input", a.input,
    Field{.help = ".safetensors, .pt/.pth/.bin/.ckpt, .npz, or a folder with config.json beside "
                  "the weights",
          .flag = "INPUT"});
  v("output", a.output,
    Field{.help = "A .safetensors model file, or with --to timm a folder", .flag = "OUTPUT"});
  visit_source(a, in_group("What INPUT is", v));
  visit_result(a, in_group("What OUTPUT becomes", v));
  visit_adaptation(a.options.load.adapt, in_group("Adapting, as timm does when it loads", v));
  visit_preprocessing(a.options.preprocessing,
                      in_group("Preprocessing to store, over what the input says", v));
  auto look = in_group("Looking instead of, or before, converting", v);
  look("inspect", a.inspect, Field{.help = "Print what INPUT is and exit"});
  look("format", a.format, Field{.help = "Of --inspect: text or json", .names = {"text", "json"}});
  look("verify", a.verify,
       Field{.help = "Run the model on REF's 'input' and compare with its 'output' and every "
                     "tensor named after a module (safetensors or npz)",
             .value = "REF"});
  look("atol", a.atol,
       Field{.help = "Of --verify: largest absolute difference (default: 1e-5 of the largest "
                     "value)",
             .low = 0,
             .high = 1e9});
}

/// The words of the command line as the library has them, in `options`.
void take_words(ConvertArguments& arguments);

extern const char* const kConvertExamples;

/// What the parser cannot see: options that need or exclude each other. Throws UsageError.
void check_arguments(const ConvertArguments& arguments);

}  // namespace vit::tools
