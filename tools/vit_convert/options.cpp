#include "vit_convert/options.h"

#include <cmath>
#include <map>

namespace vit::tools {
namespace {

const std::map<std::string, std::optional<io::DType>> kTypes{{"keep", std::nullopt},
                                                             {"fp32", io::DType::kF32},
                                                             {"fp16", io::DType::kF16},
                                                             {"bf16", io::DType::kBF16},
                                                             {"int8", io::DType::kI8}};

/// An option whose value, checked as add_number does, is set only where it is given.
template <class T>
void add_optional_number(CLI::App& app, const std::string& name, std::optional<T>& value,
                         double low, double high, const std::string& description,
                         const std::string& group) {
  // Lives as long as the program, as the options do.
  const auto number = std::make_shared<T>();
  add_number(app, name, *number, low, high, description)
      ->group(group)
      ->each([number, &value](const std::string& text) {
        CLI::detail::lexical_cast(text, *number);
        value = *number;
      });
}

/// The values of a list within [low, high]. Throws CLI::ValidationError naming flag and range.
template <class T>
std::vector<T> numbers_in(const std::string& flag, const std::vector<std::string>& words,
                          double low, double high) {
  std::vector<T> values;
  for (const auto& word : words) {
    double number = 0;
    if (!CLI::detail::lexical_cast(word, number) || !(number >= low && number <= high) ||
        (std::is_integral_v<T> && number != std::floor(number)))
      throw CLI::ValidationError(flag,
                                 format("expected {}numbers from {} to {}, found '{}'",
                                        std::is_integral_v<T> ? "whole " : "", low, high, word));
    values.push_back(static_cast<T>(number));
  }
  return values;
}

void add_side(Command& command, const std::string& name, std::optional<Size2d>& value,
              const std::string& description, const std::string& group) {
  command.lists()
      .add(
          command.app(), {name, ListOf::kNumbers, 1, 2},
          [&value, name](const std::vector<std::string>& words) {
            const auto sides = numbers_in<std::int64_t>(name, words, 1, 65536);
            value = Size2d{sides.front(), sides.back()};
          },
          description)
      ->type_name("N | H W")
      ->group(group);
}

void add_values(Command& command, const std::string& name,
                std::optional<std::vector<double>>& value, const std::string& description,
                const std::string& group) {
  command.lists()
      .add(
          command.app(), {name, ListOf::kNumbers, 1, 4096},
          [&value, name](const std::vector<std::string>& words) {
            value = numbers_in<double>(name, words, -1e6, 1e6);
          },
          description)
      ->type_name("X …")
      ->group(group);
}

void add_choice(CLI::App& app, const std::string& name, std::optional<std::string>& value,
                const std::vector<std::string>& choices, const std::string& description,
                const std::string& group) {
  app.add_option_function<std::string>(
         name, [&value](const std::string& text) { value = text; }, description)
      ->check(CLI::IsMember(choices))
      ->group(group);
}

void add_input_options(CLI::App& app, model::LoadOptions& load) {
  const std::string group = "What INPUT is";
  app.add_option("--arch", load.architecture,
                 "Architecture when the input does not say: timm's names; NAME.seed for the seed's "
                 "form")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--config", load.config_file, "Our own JSON, or timm's or the Hub's config.json")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--state-key", load.state_key,
                 "Entry of a training checkpoint that holds the weights (default: state_dict_ema, "
                 "model_ema, state_dict, model, else the file itself)")
      ->type_name("KEY")
      ->group(group);
  app.add_option("--strip-prefix", load.strip_prefix,
                 "Remove P from the names of the tensors (wrappers of training frameworks are "
                 "recognised without it)")
      ->type_name("P")
      ->group(group);
  app.add_flag("--drop-unused", load.drop_unused,
               "Leave out tensors that the model has no place for (each is listed)")
      ->group(group);
  app.add_flag_callback(
         "--no-crc-check", [&load] { load.check_crc = false; },
         "Accept a zip whose checksums are wrong")
      ->group(group);
}

void add_output_options(CLI::App& app, ConvertArguments& arguments) {
  const std::string group = "What OUTPUT becomes";
  auto& options = arguments.options;
  app.add_option_function<std::string>(
         "--to",
         [&options](const std::string& name) {
           options.to = name == "timm" ? model::Dialect::kTimm : model::Dialect::kNative;
         },
         "native: one model file; timm: a folder that timm loads")
      ->check(CLI::IsMember({"native", "timm"}))
      ->group(group);
  app.add_option_function<std::string>(
         "--dtype", [&options](const std::string& name) { options.dtype = kTypes.at(name); },
         "Type of the stored tensors: keep, fp32, fp16, bf16, or int8 (the linear layers of the "
         "blocks, with a scale a row)")
      ->check(CLI::IsMember({"keep", "fp32", "fp16", "bf16", "int8"}))
      ->group(group);
  app.add_option("--calibrate", arguments.calibrate,
                 "With int8: fit the scales to what the layers see in these images (a folder)")
      ->type_name("DIR")
      ->group(group);
  app.add_option("--labels", arguments.labels, "Class names, one a line, kept in the model")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--report", arguments.report, "What was mapped to what, made, dropped, as JSON")
      ->type_name("FILE")
      ->group(group);
  app.add_flag("--force", options.force, "Replace OUTPUT")->group(group);
}

void add_adaptation_options(Command& command, model::Adaptation& adapt) {
  auto& app = command.app();
  const std::string group = "Adapting, as timm does when it loads";
  add_optional_number(app, "--num-classes", adapt.num_classes, 0, 1e7,
                      "Another number of classes: a new head", group);
  add_side(command, "--img-size", adapt.img_size,
           "Another input size: position embedding resampled", group);
  add_side(command, "--patch-size", adapt.patch_size,
           "Another patch size: patch embedding resampled", group);
  add_optional_number(app, "--in-chans", adapt.in_c, 1, 4096,
                      "Other input channels: summed, or repeated and scaled", group);
  app.add_option(
         "--pos-interp", adapt.pos_interp,
         "bicubic (antialiased, timm from 0.8), bicubic-noaa (0.5 to 0.6) or bilinear (older)")
      ->check(CLI::IsMember({"bicubic", "bicubic-noaa", "bilinear"}))
      ->group(group);
}

void add_preprocessing_options(Command& command, model::PreprocessingOverrides& overrides) {
  auto& app = command.app();
  const std::string group = "Preprocessing to store, over what the input says";
  add_values(command, "--mean", overrides.mean, "Mean, a value a channel", group);
  add_values(command, "--std", overrides.std, "Standard deviation, a value a channel", group);
  add_optional_number(app, "--crop-pct", overrides.crop_pct, 0.01, 10,
                      "Centre crop's share of the resized side", group);
  add_choice(app, "--crop-mode", overrides.crop_mode, {"center", "squash", "border"}, "Crop mode",
             group);
  add_choice(app, "--interpolation", overrides.interpolation,
             {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}, "Resize filter",
             group);
  add_optional_number(app, "--pillow", overrides.pillow, 12, 13,
                      "Order of the resize passes: Pillow 12's or 13's", group);
}

void add_looking_options(CLI::App& app, ConvertArguments& arguments) {
  const std::string group = "Looking instead of, or before, converting";
  app.add_flag("--inspect", arguments.inspect, "Print what INPUT is and exit")->group(group);
  app.add_option("--format", arguments.format, "Of --inspect: text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->group(group);
  app.add_option("--verify", arguments.verify,
                 "Run the model on REF's 'input' and compare with its 'output' and every tensor "
                 "named after a module (safetensors or npz)")
      ->type_name("REF")
      ->group(group);
  add_optional_number(
      app, "--atol", arguments.atol, 0, 1e9,
      "Of --verify: largest absolute difference (default: 1e-5 of the largest value)", group);
}

}  // namespace

const char* const kConvertExamples = R"(Examples:
  A timm state dict:        vit-convert vit.pth vit.safetensors --arch vit_base_patch16_224
  A folder of the Hub:      vit-convert ./vit_base_patch16_clip_224.openai clip.safetensors
  A training checkpoint:    vit-convert checkpoint.pth.tar vit.safetensors --config config.json
  Back to timm:             vit-convert vit.safetensors ./for_timm --to timm
  What is this file?        vit-convert vit.pth --inspect --arch vit_base_patch16_224
  Are the numbers right?    vit-convert vit.safetensors --verify reference.npz
  A quarter of the size:    vit-convert vit.safetensors int8.safetensors --dtype int8 --calibrate images/
  A new head, half size:    vit-convert vit.safetensors new.safetensors --num-classes 10 --dtype fp16
)";

void add_options(Command& command, ConvertArguments& arguments) {
  auto& app = command.app();
  app.add_option("INPUT", arguments.input,
                 ".safetensors, .pt/.pth/.bin/.ckpt, .npz, or a folder with config.json beside the "
                 "weights")
      ->required();
  app.add_option("OUTPUT", arguments.output,
                 "A .safetensors model file, or with --to timm a folder");
  add_input_options(app, arguments.options.load);
  add_output_options(app, arguments);
  add_adaptation_options(command, arguments.options.load.adapt);
  add_preprocessing_options(command, arguments.options.preprocessing);
  add_looking_options(app, arguments);
}

void check_arguments(const ConvertArguments& arguments) {
  const auto expect = [](bool fine, const char* flag, const char* why) {
    if (!fine) throw UsageError("{}: {}", flag, why);
  };
  const bool writes = !arguments.output.empty() && !arguments.inspect;
  expect(arguments.calibrate.empty() || arguments.options.dtype == io::DType::kI8, "--calibrate",
         "expected --dtype int8 with it");
  expect(!arguments.inspect || arguments.verify.empty(), "--inspect",
         "prints what INPUT is and runs nothing: expected no --verify with it");
  expect(!arguments.inspect || arguments.output.empty(), "--inspect",
         "prints what INPUT is and writes nothing: expected no OUTPUT with it");
  expect(arguments.report.empty() || writes, "--report", "expected an OUTPUT to report on");
  expect(!arguments.atol || !arguments.verify.empty(), "--atol", "expected --verify with it");
  if (!writes && !arguments.inspect && arguments.verify.empty())
    throw UsageError("OUTPUT is missing (only --inspect and --verify do without)");
}

}  // namespace vit::tools
