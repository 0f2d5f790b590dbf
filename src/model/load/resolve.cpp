#include "model/load/resolve.h"

#include <ATen/Functions.h>

#include <map>

#include "model/load/adapt.h"
#include "vit/state_dict/fit.h"

namespace vit::model {
namespace {

/// The steps that values go through, for those who want to know.
void say_steps(const std::vector<Weight>& weights, Log* log) {
  if (log == nullptr) return;
  std::map<std::string, std::pair<std::string, std::size_t>> chains;  // → first tensor, count
  for (const auto& weight : weights) {
    std::string chain;
    for (const auto& step : weight.steps) chain += (chain.empty() ? "" : ", ") + step;
    if (chain.empty()) continue;
    auto& [first, count] = chains[chain];
    if (count++ == 0) first = weight.name;
  }
  for (const auto& [chain, what] : chains)
    log->debug("{}{}: {}", what.first,
               what.second == 1 ? "" : format(" and {} others", what.second - 1), chain);
}

/// What is done to the tensors.
void describe_steps(const std::vector<Weight>& weights, Log& log) {
  std::map<std::string, int> steps;
  for (const auto& weight : weights)
    for (const auto& step : weight.steps) ++steps[step];
  for (const auto& [step, count] : steps) log.debug("{} tensors: {}", count, step);
}

}  // namespace

std::vector<state_dict::Expected> expected_weights(const VisionTransformerOptions& options) {
  return expected_weights(*VisionTransformer(options, at::device(at::kMeta)));
}

std::vector<state_dict::Expected> expected_weights(const torch::nn::Module& model) {
  std::vector<state_dict::Expected> expected;
  for (const auto& [name, tensor] : state_dict(model))
    expected.push_back({name, tensor.sizes().vec(), tensor.is_floating_point()});
  return expected;
}

ResolvedModel resolve_model(const std::filesystem::path& path, const LoadOptions& options,
                            Log* log) {
  auto source = state_dict::open_source(path, options, log);
  auto& named = source.named;
  ResolvedModel resolved;
  resolved.format = source.format;
  resolved.dialect = named.dialect;
  resolved.config = std::move(source.config);
  adapt_weights(named.weights, resolved.config, options.adapt, named.resampling, log);
  check_config(resolved.config, path.string());
  auto fitted =
      state_dict::fit_weights(expected_weights(resolved.config.model), std::move(named.weights),
                              {path.string(), options.drop_unused}, log);
  resolved.weights = std::move(fitted.weights);
  say_steps(resolved.weights, log);
  resolved.dropped = std::move(named.dropped);
  resolved.dropped.insert(resolved.dropped.end(), fitted.dropped.begin(), fitted.dropped.end());
  if (log != nullptr) describe_steps(resolved.weights, *log);
  return resolved;
}

}  // namespace vit::model
