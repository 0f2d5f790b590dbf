#include "fine_tune.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include <map>

#include "vit/core/error.h"
#include "vit/runtime/generator.h"

namespace vit::train {
namespace {

/// The row of each of `names` in `trained`; empty where the two are not the same set. A name that
/// stands twice says nothing about its rows.
std::vector<std::int64_t> rows_by_name(const std::vector<std::string>& trained,
                                       const std::vector<std::string>& names) {
  std::map<std::string, std::int64_t> row;
  for (const auto& name : trained) row.emplace(name, static_cast<std::int64_t>(row.size()));
  if (row.size() != trained.size() || names.size() != trained.size()) return {};
  std::vector<std::int64_t> rows;
  for (const auto& name : names) {
    const auto found = row.find(name);
    if (found == row.end() || found->second < 0) return {};
    rows.push_back(found->second);
    found->second = -1;  // taken
  }
  return rows;
}

void append(std::string& text, const char* what, const std::vector<std::string>& lines) {
  constexpr std::size_t kShown = 3;
  if (lines.empty()) return;
  text += format("{}{} {} (", text.empty() ? "" : "; ", lines.size(), what);
  for (std::size_t i = 0; i < std::min(lines.size(), kShown); ++i)
    text += (i == 0 ? "" : ", ") + lines[i];
  text += lines.size() > kShown ? ", …)" : ")";
}

}  // namespace

HeadPlan plan_head(const std::vector<std::string>& trained_names, std::int64_t trained_classes,
                   const std::vector<std::string>& names, std::int64_t classes) {
  using Kind = HeadPlan::Kind;
  if (trained_classes == 0) return {Kind::kNew, {}, "the model has none"};
  if (trained_classes != classes)
    return {Kind::kNew, {}, format("{} classes instead of {}", classes, trained_classes)};
  if (trained_names.empty() || names.empty())
    return {Kind::kKept,
            {},
            format("{} classes as before, and the {} has no class names to compare", classes,
                   trained_names.empty() ? "model" : "dataset")};
  if (trained_names == names) return {Kind::kKept, {}, format("the same {} class names", classes)};
  auto rows = rows_by_name(trained_names, names);
  if (!rows.empty())
    return {Kind::kPermuted, std::move(rows),
            format("the same {} class names in another order", classes)};
  return {Kind::kNew, {}, format("{} classes as before, but with other names", classes)};
}

bool is_head(const std::string& name) {
  return name.starts_with("head.") || name.starts_with("head_dist.");
}

void permute_head(VisionTransformer& model, const std::vector<std::int64_t>& rows) {
  const at::NoGradGuard no_grad;
  const auto index = at::tensor(rows, at::kLong);
  for (auto& [name, tensor] : model::state_dict(*model))
    if (is_head(name)) tensor.copy_(tensor.index_select(0, index.to(tensor.device())));
}

void draw_head(VisionTransformer& model, std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  model->head->reset_parameters(runtime::make_generator(seed));
  if (model->head_dist) model->head_dist->reset_parameters(runtime::make_generator(seed + 1));
}

void copy_weights(const VisionTransformer& from, VisionTransformer& to, bool with_head,
                  const std::string& source) {
  const at::NoGradGuard no_grad;
  std::map<std::string, at::Tensor> weights;
  for (auto& [name, tensor] : model::state_dict(*from))
    if (with_head || !is_head(name)) weights.emplace(name, tensor);
  std::vector<std::string> missing, unexpected, misshapen;
  for (auto& [name, tensor] : model::state_dict(*to)) {
    if (!with_head && is_head(name)) continue;
    const auto found = weights.extract(name);
    if (found.empty())
      missing.push_back(name);
    else if (found.mapped().sizes() != tensor.sizes())
      misshapen.push_back(format("{}: expected shape {}, found {}", name, tensor.sizes().vec(),
                                 found.mapped().sizes().vec()));
    else
      tensor.copy_(found.mapped());
  }
  for (const auto& [name, tensor] : weights) unexpected.push_back(name);
  std::string text;
  append(text, "missing", missing);
  append(text, "without a place in the model", unexpected);
  append(text, "misshapen", misshapen);
  if (!text.empty())
    throw DataError("{}: the tensors are not those of the model with these arguments: {}", source,
                    text);
}

}  // namespace vit::train
