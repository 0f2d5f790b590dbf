#include "vit/model/inspect.h"

#include "model/load/adapt.h"
#include "model/load/resolve.h"
#include "vit/core/error.h"
#include "vit/core/text.h"

namespace vit::model {
namespace {

std::string as_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

Json tensors_of(const io::TensorTable& table) {
  Json tensors = Json::array();
  for (const auto& entry : table.entries())
    tensors.push_back(
        {{"name", entry.name}, {"shape", entry.shape}, {"dtype", io::name_of(entry.dtype)}});
  return tensors;
}

std::int64_t count_elements(const io::TensorTable& table) {
  std::int64_t count = 0;
  for (const auto& entry : table.entries()) count += entry.numel();
  return count;
}

/// What keeps the tensors from being the model's; null where nothing does.
Json problem_of(NamedWeights named, ModelConfig& config, const LoadOptions& options,
                const std::string& where) {
  try {
    state_dict::reconcile(named, config, nullptr);
    adapt_weights(named.weights, config, options.adapt, named.resampling, nullptr);
    state_dict::fit_weights(expected_weights(config.model), std::move(named.weights),
                            {where, options.drop_unused}, nullptr);
    return nullptr;
  } catch (const DataError& error) {
    return error.what();
  }
}

}  // namespace

Json inspect(const std::filesystem::path& path, const LoadOptions& options, Log* log) {
  const auto file = state_dict::open_weight_file(path, {options.state_key, options.check_crc}, log);
  auto named = state_dict::name_weights(file, options.strip_prefix);
  Json json = {{"file", printable(path.string())},
               {"format", file.format},
               {"dialect", named.dialect},
               {"architecture", nullptr},
               {"model", nullptr},
               {"preprocessing", nullptr},
               {"labels", nullptr},
               {"parameters", count_elements(file.tensors)},
               {"problem", nullptr}};
  if (state_dict::says_architecture(file, options)) {
    auto config = state_dict::resolve_config(file, options, named, log);
    json["problem"] = problem_of(std::move(named), config, options, path.string());
    json["architecture"] = config.architecture;
    json["model"] = fields_to_json(config.model);
    json["preprocessing"] = fields_to_json(config.preprocessing);
    json["labels"] = config.labels;
  }
  json["tensors"] = tensors_of(file.tensors);
  return json;
}

std::string inspect_text(const Json& inspected) {
  std::string text;
  const auto line = [&](const std::string& key, const Json& value) {
    text += format("{}{} {}\n", key, std::string(key.size() < 20 ? 20 - key.size() : 0, ' '),
                   as_text(value));
  };
  for (const char* key : {"file", "format", "dialect", "architecture"})
    line(key, inspected[key].is_null() ? Json("unknown (give `architecture` or `config_file`)")
                                       : inspected[key]);
  for (const char* part : {"model", "preprocessing"})
    if (inspected[part].is_object())
      for (const auto& [key, value] : inspected[part].items()) line(key, value);
  if (inspected["labels"].is_array() && !inspected["labels"].empty())
    line("labels",
         format("{}: {}, …", inspected["labels"].size(), as_text(inspected["labels"][0])));
  line("parameters", inspected["parameters"]);
  if (!inspected["problem"].is_null()) line("problem", inspected["problem"]);
  line("tensors", inspected["tensors"].size());
  for (const auto& tensor : inspected["tensors"])
    text += format("  {} {} {}\n", as_text(tensor["name"]), as_text(tensor["dtype"]),
                   tensor["shape"].dump());
  return text;
}

}  // namespace vit::model
