#include "timm_config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "timm_config_tables.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/train/train_options.h"

namespace vit::tools {
namespace {

Json scalar_to_json(const YAML::Node& node) {
  const auto& text = node.Scalar();
  if (node.Tag() == "!") return text;  // in quotes
  if (bool value = false; YAML::convert<bool>::decode(node, value)) return value;
  if (std::int64_t value = 0; YAML::convert<std::int64_t>::decode(node, value)) return value;
  if (double value = 0; YAML::convert<double>::decode(node, value)) return value;
  return text;
}

/// A file's nodes as JSON. Aliases can make a few lines endless or enormous: what is deeper or more
/// than any args.yaml is refused.
class JsonMaker {
 public:
  Json make(const YAML::Node& node, int depth = 0) {
    constexpr int kDeepest = 16, kMostNodes = 100'000;
    if (depth > kDeepest || ++nodes_ > kMostNodes)
      throw DataError("expected at most {} levels and {} values", kDeepest, kMostNodes);
    if (node.IsScalar()) return scalar_to_json(node);
    Json json;
    if (node.IsSequence()) {
      json = Json::array();
      for (const auto& item : node) json.push_back(make(item, depth + 1));
    } else if (node.IsMap()) {
      json = Json::object();
      for (const auto& item : node) json[item.first.Scalar()] = make(item.second, depth + 1);
    }
    return json;
  }

 private:
  int nodes_ = 0;
};

Json read_yaml(const std::filesystem::path& path) {
  try {
    constexpr std::size_t kLargest = std::size_t{1} << 20;
    auto json = JsonMaker().make(YAML::Load(read_file(path, kLargest)));
    if (json.is_object()) return json;
  } catch (const DataError& error) {
    throw DataError("{}: {}", path.string(), error.what());
  } catch (const YAML::Exception& error) {
    throw DataError("{}: expected YAML, found: {}", path.string(), error.what());
  }
  throw DataError("{}: expected the keys of timm's args.yaml, found none", path.string());
}

/// A text that says something.
bool is_text(const Json& value) { return value.is_string() && value != Json(""); }

bool asks_for_nothing(const std::string& key, const Json& value) {
  if (value.is_null() || value == Json(false) || value == Json("") || value == Json(0)) return true;
  if (value.is_structured() && value.empty()) return true;
  const auto found = timm_neutral().find(key);
  return found != timm_neutral().end() &&
         std::find(found->begin(), found->end(), value) != found->end();
}

/// What train.py's `--lr-base` comes to: linear in the batch, or by its root for Adam's kin.
double scaled_lr(const Json& timm, const Json& over) {
  const auto number = [&](const char* field, const char* key, double other) {
    if (over.contains(field)) return over[field].get<double>();
    return timm.contains(key) && timm[key].is_number() ? timm[key].get<double>() : other;
  };
  const double batch =
      number("batch_size", "batch_size", 128) * number("accum", "grad_accum_steps", 1);
  const double ratio = batch / timm["lr_base_size"].get<double>();
  const auto opt = over.value("opt", timm["opt"].get<std::string>());
  auto scale = timm.value("lr_base_scale", Json());
  if (!is_text(scale))
    scale = opt.find("ada") != std::string::npos || opt.find("lamb") != std::string::npos
                ? "sqrt"
                : "linear";
  return timm["lr_base"].get<double>() * (scale == "sqrt" ? std::sqrt(ratio) : ratio);
}

/// One file's keys on their way to our fields; each is taken once.
class Translation {
 public:
  Translation(Json timm, const Json& over) : timm_(std::move(timm)), over_(over) {}

  Json fields() {
    take_model();
    take_lr();
    take_precision();
    take_distillation();
    if (const auto keep = take("checkpoint_hist"); keep.is_number_integer())
      fields_["keep"] = std::max<std::int64_t>(2, keep.get<std::int64_t>());
    for (const auto& [key, field] : timm_fields())
      if (!taken_.contains(key))
        if (const auto value = take(key); !value.is_null()) set(field, value);
    if (take("sched_on_updates") == Json(false) || !timm_.contains("sched_on_updates"))
      notes_.emplace_back("sched_on_updates false: the schedule here follows steps all the same");
    sort_the_rest();
    return fields_;
  }

  const std::vector<std::string>& lacking() const { return lacking_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  Json value_of(const std::string& key) const { return timm_.value(key, Json()); }

  Json take(const std::string& key) {
    taken_.insert(key);
    return value_of(key);
  }

  /// Numbers where lists are wanted; names that say nothing.
  void set(const TimmField& field, Json value) {
    if (field.is_list && value.is_number())
      value = value == Json(0) ? Json::array() : Json::array({value});
    if (value == Json("") && field.name != "aa") return;
    if (field.name == "epochs" && over_.value("total_steps", 0) > 0) return;
    if (field.name == "warmup_epochs" && over_.value("warmup_steps", 0) > 0) return;
    if (field.name == "clip_grad" && value == Json(0)) return;
    fields_[field.name] = value;
  }

  void add_model_arg(const std::string& key, const Json& value) {
    fields_["model_args"].push_back(key + "=" +
                                    (value.is_string() ? value.get<std::string>() : value.dump()));
  }

  void take_model() {
    const auto name = take("model");
    const auto file = take("initial_checkpoint");
    const bool pretrained = take("pretrained") == Json(true);
    const auto arguments = take("model_kwargs");
    const auto classes = take("num_classes"), channels = take("in_chans");
    const auto size = take("input_size"), pool = take("gp");
    if (size.is_array() && size.size() == 3) {
      fields_["img_size"] = Json::array({size[1], size[2]});
      add_model_arg("in_c", size[0]);
    }
    if (channels.is_number()) add_model_arg("in_c", channels);
    if (classes.is_number()) add_model_arg("num_classes", classes);
    if (is_text(pool)) add_model_arg("global_pool", pool);
    if (arguments.is_object())
      for (const auto& [key, value] : arguments.items()) add_model_arg(key, value);
    if (over_.contains("model")) return;
    if (is_text(file)) {
      fields_["model"] = file;
      fields_["arch"] = name;
      return;
    }
    fields_["model"] = name;
    if (pretrained)
      lacking_.emplace_back(
          "pretrained: true (nothing is downloaded: --model FILE names the weights)");
  }

  void take_lr() {
    const auto lr = take("lr");
    const bool given = lr.is_number() && lr != Json(0);
    if (!over_.contains("lr")) fields_["lr"] = given ? lr : Json(scaled_lr(timm_, over_));
    for (const auto* key : {"lr_base", "lr_base_size", "lr_base_scale"}) take(key);
  }

  void take_precision() {
    const auto dtype = take("amp_dtype");
    if (take("amp") == Json(true)) fields_["amp"] = dtype == "bfloat16" ? "bf16" : "fp16";
    const auto decay = take("model_ema_decay");
    if (take("model_ema") == Json(true)) fields_["ema"] = decay;
  }

  /// Its other keys mean something only with a teacher.
  void take_distillation() {
    const auto name = take("kd_model_name");
    const auto type = take("kd_distill_type");
    const auto kind = take("kd_token_distill_type");
    if (!is_text(name) && !over_.contains("teacher")) {
      for (const auto* key : {"kd_temperature", "task_loss_weight", "distill_loss_weight",
                              "kd_loss_type", "kd_student_feature_dim", "kd_teacher_feature_dim"})
        take(key);
      return;
    }
    if (!over_.contains("teacher"))
      lacking_.push_back(
          format("kd_model_name: {} (nothing is downloaded: --teacher FILE names the weights)",
                 name.dump()));
    if (type == "logit" || type == "token")
      fields_["kd_distill_type"] = type;
    else if (is_text(type))
      lacking_.push_back(format("kd_distill_type: {}", type.dump()));
    fields_["distillation"] = type == "token" && is_text(kind) ? kind : Json("soft");
  }

  void sort_the_rest() {
    for (const auto& [key, value] : timm_.items()) {
      if (taken_.contains(key) || asks_for_nothing(key, value)) continue;
      const auto text = format("{}: {}", key, value.dump());
      (timm_without_effect().contains(key) ? notes_ : lacking_).push_back(text);
    }
  }

  Json timm_;
  const Json& over_;
  Json fields_ = Json::object();
  std::set<std::string> taken_;
  std::vector<std::string> lacking_, notes_;
};

std::string in_one_line(const std::vector<std::string>& texts) {
  std::string line;
  for (const auto& text : texts) line += (line.empty() ? "" : "; ") + text;
  return line;
}

}  // namespace

Json read_timm_config(const std::filesystem::path& path, const Json& over, Log& log) {
  auto timm = timm_defaults();
  timm.update(read_yaml(path));
  Translation translation(timm, over);
  auto fields = translation.fields();
  if (!translation.lacking().empty())
    throw UsageError("{}: asks for what there is not here: {}", path.string(),
                     in_one_line(translation.lacking()));
  if (!translation.notes().empty())
    log.warning("{}: makes no difference here: {}", path.string(),
                in_one_line(translation.notes()));
  train::TrainOptions checked;
  fields_from_json(checked, fields, path.string());
  return fields;
}

}  // namespace vit::tools
