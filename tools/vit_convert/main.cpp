// vit-convert: any supported file to a model file, or to a folder that timm loads.
#include <cstdio>
#include <iostream>

#include "common/command.h"
#include "common/torch.h"
#include "vit/core/file.h"
#include "vit/core/file_roles.h"
#include "vit/data/eval_transform.h"
#include "vit/data/loader.h"
#include "vit/model/calibrate.h"
#include "vit/model/convert.h"
#include "vit/model/inspect.h"
#include "vit/model/verify.h"
#include "vit/pipeline/inputs.h"
#include "vit_convert/options.h"

namespace vit::tools {
namespace {

int print_inspection(const ConvertArguments& arguments, Command& command) {
  auto inspected = model::inspect(arguments.input, arguments.options.load, &command.log());
  const auto in_flags = [&](const std::string& text) { return command.flags().in_flags(text); };
  if (auto& problem = inspected["problem"]; problem.is_string())
    problem = in_flags(problem.get<std::string>());
  if (arguments.format == "json")
    std::cout << inspected.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  else
    std::cout << in_flags(model::inspect_text(inspected));
  return 0;
}

/// One row each: name, largest absolute difference, what was allowed. Whether all passed.
bool print_verification(const ConvertArguments& arguments, const model::LoadOptions& load,
                        Log& log) {
  auto loaded = model::load_model(arguments.input, load, &log);
  bool passed = true;
  for (const auto& row : model::verify(loaded.model, arguments.verify, arguments.atol)) {
    std::printf("%-24s %.3e (allowed %.3e) %s\n", row.name.c_str(), row.difference, row.tolerance,
                row.passed ? "ok" : "FAILED");
    passed = passed && row.passed;
  }
  return passed;
}

/// With --calibrate: the images go through the model before it is stored.
void set_calibration(ConvertArguments& arguments, Command& command) {
  if (arguments.calibrate.empty()) return;
  arguments.options.calibrate = [&](const ModelConfig& config,
                                    const engine::WeightLookup& weights) {
    command.log().info("calibrating on {}", arguments.calibrate.string());
    const auto& model = config.model;
    std::optional<data::EvalTransform> transform;
    pipeline::FileInputOptions inputs;
    inputs.shape = {model.in_c(), model.img_size()[0], model.img_size()[1]};
    inputs.transform = [&]() -> const data::EvalTransform& {
      if (!transform)
        throw UsageError(
            "calibrate: expected tensors (.npy, .safetensors) for a model of {} channels",
            model.in_c());
      return *transform;
    };
    if (model.in_c() == 1 || model.in_c() == 3)
      transform.emplace(config.preprocessing, model.img_size(), model.in_c());
    data::LoaderOptions options;
    options.shape = inputs.shape;
    options.batch_size = 8;
    options.workers = command.threads();
    data::Loader loader(pipeline::open_inputs({arguments.calibrate.string()}, inputs), options);
    std::int64_t images = 0;
    return model::calibrate(config, weights, [&]() -> std::optional<Array> {
      auto batch = loader.next();
      if (!batch && images == 0)
        throw DataError("{}: expected images, found none", arguments.calibrate.string());
      if (!batch) return std::nullopt;
      data::check_samples(*batch);
      images += batch->images.size(0);
      return std::move(batch->images);
    });
  };
}

/// Every file that this run reads and writes, before the first of them is touched.
void claim_all_files(FileRoles& roles, const ConvertArguments& arguments) {
  if (arguments.output.empty()) return;
  for (const auto& input : {arguments.labels, arguments.verify})
    if (!input.empty()) roles.reads(input);
  if (!arguments.calibrate.empty()) roles.reads_tree(arguments.calibrate);
  model::claim_files(roles, arguments.input, arguments.output, arguments.options);
  if (arguments.report.empty()) return;
  roles.writes(arguments.report, arguments.options.force);
  // The report is written last: that it can be is seen now.
  auto folder = std::filesystem::absolute(arguments.report).parent_path().lexically_normal();
  const auto output = std::filesystem::absolute(arguments.output / "").lexically_normal();
  if (!std::filesystem::is_directory(folder) && folder / "" != output)
    throw IoError("{}: cannot be written: no such folder", arguments.report.string());
}

int convert(Command& command, ConvertArguments& arguments) {
  take_words(arguments);
  arguments.options.load.adapt.seed = command.seed();
  check_arguments(arguments);
  // A device that is not there is an error also where nothing would run on it.
  if (command.device_name() != "auto") open_device(command);
  if (arguments.inspect) return print_inspection(arguments, command);
  FileRoles roles;
  claim_all_files(roles, arguments);
  arguments.options.labels_file = arguments.labels;
  if (!arguments.verify.empty()) {
    auto load = arguments.options.load;
    load.device = open_device(command);
    if (!print_verification(arguments, load, command.log()))
      throw DataError("{}: the model's outputs are not {}'s", arguments.input.string(),
                      arguments.verify.string());
    if (arguments.output.empty()) return 0;
  }
  set_calibration(arguments, command);
  const auto report =
      model::convert(arguments.input, arguments.output, arguments.options, &command.log());
  if (!arguments.report.empty()) write_file(arguments.report, report.dump(2) + "\n");
  command.log().info("{}: {} tensors", arguments.output.string(), report["tensors"].size());
  return 0;
}

}  // namespace
}  // namespace vit::tools

int main(int argc, char** argv) {
  using namespace vit::tools;
  Command command("vit-convert",
                  "Convert weights of Vision Transformers (timm, the Hub, training checkpoints) to "
                  "one self-describing .safetensors file, and back.",
                  kConvertExamples);
  use_libtorch(command);
  ConvertArguments arguments;
  command.flags().add(arguments);
  command.require("INPUT");
  Command::end(command.run(argc, argv, [&] { return convert(command, arguments); }));
}
