#include "open_engine.h"

#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "cuda_driver.h"
#include "vit/core/error.h"
#include "vit/core/isa.h"
#include "vit/engine/packed_engine.h"
#include "vit/state_dict/source.h"

namespace vit::infer {
namespace {

/// The weights, each read when it is asked for.
class WeightsByName {
 public:
  explicit WeightsByName(std::vector<state_dict::Weight> weights) : weights_(std::move(weights)) {}

  std::optional<engine::WeightView> find(const std::string& name) {
    using state_dict::kInputScale;
    if (name.ends_with(kInputScale)) {
      const auto* weight =
          state_dict::find(weights_, name.substr(0, name.size() - kInputScale.size()));
      if (weight == nullptr || !weight->input_scale) return std::nullopt;
      return view_of(weight->input_scale());
    }
    const auto* weight = state_dict::find(weights_, name);
    if (weight == nullptr || !weight->meta().is_floating_point()) return std::nullopt;
    asked_.insert(name);
    const auto tensor = weight->tensor();
    auto view = view_of(tensor);
    if (weight->row_scale) {
      const auto scale = view_of(weight->row_scale());
      // One owner keeps both.
      view.owner =
          std::make_shared<std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
              view.owner, scale.owner);
      view.scale = scale.data;
    }
    return view;
  }

  bool int8() const { return state_dict::holds_int8(weights_); }

  /// The first that nobody asked for; empty where there is none.
  std::string unused() const {
    for (const auto& weight : weights_)
      if (!asked_.contains(weight.name)) return weight.name;
    return "";
  }

 private:
  static engine::WeightView view_of(const state_dict::Tensor& tensor) {
    const auto floats = tensor.float32();
    return {floats.shape(),
            {reinterpret_cast<const float*>(floats.bytes().data()),
             static_cast<std::size_t>(floats.numel())},
            floats.memory()};
  }

  std::vector<state_dict::Weight> weights_;
  std::set<std::string> asked_;
};

/// Throws DataError where the tensors are not the model's as they stand.
engine::OpenedModel pack(state_dict::Source source, const std::filesystem::path& path,
                         const PredictorOptions& options) {
  WeightsByName weights(std::move(source.named.weights));
  const auto precision = engine::resolve_precision(engine::parse_precision(options.precision),
                                                   weights.int8(), detect_isa());
  auto packed = std::make_unique<engine::PackedEngine>(
      source.config.model, [&](const std::string& name) { return weights.find(name); },
      engine::EngineOptions()
          .precision(precision)
          .low_memory(options.low_memory)
          .threads(options.threads));
  if (const auto unused = weights.unused(); !unused.empty())
    throw DataError("{}: the model has no place for tensor '{}'", path.string(), unused);
  return {std::move(packed), std::move(source.config)};
}

engine::OpenedModel open_modules(const std::filesystem::path& path, const PredictorOptions& options,
                                 Log* log) {
  if (options.low_memory && log != nullptr)
    log->warning("low_memory: the modules keep their weights as they are");
  engine::ModuleRequest request;
  request.path = path;
  request.device = options.device;
  request.cuda_index = options.cuda_index;
  request.precision = options.precision;
  request.threads = options.threads;
  request.architecture = options.architecture;
  request.config_file = options.config_file;
  return engine::module_library().open(request, log);
}

/// Why the modules cannot be had; empty where they can.
std::string why_no_modules() {
  try {
    engine::module_library();
    return "";
  } catch (const UsageError& error) {
    return error.what();
  }
}

engine::OpenedModel open_packed(const std::filesystem::path& path, const PredictorOptions& options,
                                Log* log) {
  state_dict::SourceOptions said;
  said.architecture = options.architecture;
  said.config_file = options.config_file;
  auto source = state_dict::open_source(path, said, log);
  config::check_config(source.config, path.string());
  try {
    return pack(std::move(source), path, options);
  } catch (const DataError&) {
    // What has to be made to fit first is the modules' part, and so is a list of what does not.
    if (!why_no_modules().empty()) throw;
    auto modules = open_modules(path, options, log);
    if (options.engine == "packed") throw;
    return modules;
  }
}

/// Why `auto` does not take a CUDA device; empty where it may. Without a driver nobody expects a
/// GPU; with one, silence would hide why it is not used.
std::string why_no_cuda() {
  const auto& driver = cuda_driver();
  if (driver.devices == 0) return driver.problem.empty() ? "no NVIDIA driver" : driver.problem;
  return why_no_modules();
}

/// `cpu`, or what was asked for; `auto` remains where a CUDA device may answer.
std::string known_device(const PredictorOptions& options, Log* log) {
  if (options.device != "auto") return options.device;
  const auto problem = why_no_cuda();
  if (problem.empty()) return "auto";
  const auto& driver = cuda_driver();
  if (log != nullptr && (driver.devices > 0 || !driver.problem.empty()))
    log->warning("runs on the CPU: {}", problem);
  return "cpu";
}

}  // namespace

engine::OpenedModel open_engine(const std::filesystem::path& path, const PredictorOptions& options,
                                Log* log) {
  if (options.engine != "auto" && options.engine != "packed" && options.engine != "modules")
    throw UsageError("engine: expected auto, packed or modules, found '{}'", options.engine);
  auto asked = options;
  if (options.engine == "auto") asked.device = known_device(options, log);
  if (options.engine == "packed" && options.device == "auto") asked.device = "cpu";
  const bool packed = asked.device == "cpu";
  if (options.engine == "packed" && !packed)
    throw UsageError("engine packed: runs on the CPU, found device {}", options.device);
  if (options.engine != "modules" && packed)
    engine::parse_precision(options.precision);  // before a large file is read
  if (options.engine != "modules" && packed) return open_packed(path, asked, log);
  auto modules = open_modules(path, asked, log);
  // CUDA may turn out not to work, and on a CPU the packed engine is the faster one.
  const bool fell_back = asked.device == "auto" && modules.engine->choices().device == "cpu";
  if (options.engine == "modules" || !fell_back) return modules;
  asked.device = "cpu";
  return open_packed(path, asked, log);
}

}  // namespace vit::infer
