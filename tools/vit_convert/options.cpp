#include "vit_convert/options.h"

#include <map>

#include "vit/core/error.h"

namespace vit::tools {
namespace {

const std::map<std::string, std::optional<io::DType>> kTypes{{"keep", std::nullopt},
                                                             {"fp32", io::DType::kF32},
                                                             {"fp16", io::DType::kF16},
                                                             {"bf16", io::DType::kBF16},
                                                             {"int8", io::DType::kI8}};

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

void take_words(ConvertArguments& arguments) {
  auto& options = arguments.options;
  options.dtype = kTypes.at(arguments.dtype);
  if (arguments.to == "timm") options.to = model::Dialect::kTimm;
  if (arguments.no_crc_check) options.load.check_crc = false;
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
  const bool native = arguments.options.to == model::Dialect::kNative;
  for (const auto* other : {".pt", ".pth", ".bin", ".ckpt", ".npz", ".onnx"})
    if (writes && native && arguments.output.extension() == other)
      throw UsageError(
          "OUTPUT: expected a name in .safetensors, which is what is written, found '{}'",
          arguments.output.string());
}

}  // namespace vit::tools
