#include "vit/state_dict/weight.h"

#include <algorithm>
#include <utility>

namespace vit::state_dict {

const Weight* find(const std::vector<Weight>& weights, std::string_view name) {
  const auto found = std::find_if(weights.begin(), weights.end(),
                                  [&](const Weight& weight) { return weight.name == name; });
  return found == weights.end() ? nullptr : &*found;
}

Weight* find(std::vector<Weight>& weights, std::string_view name) {
  return const_cast<Weight*>(find(std::as_const(weights), name));
}

bool holds_int8(const std::vector<Weight>& weights) {
  return std::any_of(weights.begin(), weights.end(),
                     [](const Weight& weight) { return static_cast<bool>(weight.row_scale); });
}

Weight weight_of(const io::TensorEntry& entry) {
  auto make = [entry](bool meta) {
    return meta ? Tensor::meta(entry.dtype, entry.shape) : read(entry);
  };
  return {entry.name, {entry.name}, {}, std::move(make), entry};
}

Weight transformed(Weight weight, std::string what, std::function<Tensor(const Tensor&)> step) {
  weight.steps.push_back(std::move(what));
  weight.entry.reset();
  weight.row_scale = nullptr;
  weight.make = [inner = std::move(weight.make), step = std::move(step)](bool meta) {
    return step(inner(meta));
  };
  return weight;
}

Weight row_of(Weight weight, std::int64_t index, std::string what) {
  if (!weight.entry || !weight.entry->strides.empty() || weight.entry->shape.empty() ||
      index >= weight.entry->shape[0])
    return transformed(std::move(weight), std::move(what),
                       [index](const Tensor& x) { return x.select(0, index); });
  auto entry = *weight.entry;
  const auto bytes = entry.data.size() / static_cast<std::uint64_t>(entry.shape[0]);
  entry.data = entry.data.part(static_cast<std::uint64_t>(index) * bytes, bytes);
  entry.shape.erase(entry.shape.begin());
  auto row = weight_of(entry);
  row.steps = std::move(weight.steps);
  row.steps.push_back(std::move(what));
  return row;
}

Weight merged(std::string name, std::vector<Weight> parts, std::string what,
              std::function<Tensor(const std::vector<Tensor>&)> step) {
  Weight whole{std::move(name), {}, {}, {}};
  for (const auto& part : parts) {
    whole.sources.insert(whole.sources.end(), part.sources.begin(), part.sources.end());
    whole.steps.insert(whole.steps.end(), part.steps.begin(), part.steps.end());
  }
  whole.steps.push_back(std::move(what));
  whole.make = [parts = std::move(parts), step = std::move(step)](bool meta) {
    std::vector<Tensor> tensors;
    for (const auto& part : parts) tensors.push_back(part.make(meta));
    return step(tensors);
  };
  return whole;
}

Weight created(std::string name, std::string what, Weight::Make make) {
  return {std::move(name), {}, {std::move(what)}, std::move(make)};
}

}  // namespace vit::state_dict
